"""What the two low-label evaluators share: the stored label subsets and the linear probe of each."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.linear_probe import Probe, fit_probe
from metaclr.evaluation.train_test_features import check_features


def low_label_probes(x: Tensor, y: Tensor, subsets: Sequence[Tensor]) -> tuple[Probe, ...]:
    """Fit the linear probe of each subset: `low_label_frozen` measures it, `low_label_finetune` starts from it.

    Args:
        x, y: features (n, F) and labels (n,) of the training part.
        subsets: stored indices into the training part (`episodes.label_subset`), one tensor per subset seed.

    Raises:
        UserError: no subset, one with a single class, or one with indices outside the training part.
    """
    probes = []
    for subset in check_subsets(subsets, len(x)):
        few, labels = x[subset.to(x.device)], y[subset.to(y.device)]
        data = check_features(few, labels, few, labels)
        probes.append(fit_probe(data.x, data.y, classes=data.classes))
    return tuple(probes)


def check_subsets(subsets: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    """The subsets, once they are known to hold indices in 0..count-1.

    Raises:
        UserError: no subset, an empty one, or an index outside the training part.
    """
    if not subsets:
        raise UserError("low-label: no label subset was given; pass at least one")
    for subset in subsets:
        if not len(subset) or int(subset.min()) < 0 or int(subset.max()) >= count:
            raise UserError(f"low-label: a subset must hold indices in 0..{count - 1} (the training part)")
    return subsets


def subsets_digest(subsets: Sequence[Tensor]) -> str:
    """Hash of the labelled images: only results on the same ones are compared in pairs."""
    content = sha256()
    for subset in subsets:
        content.update(subset.cpu().contiguous().numpy().astype("<i8", copy=False).tobytes() + b";")
    return content.hexdigest()[:16]
