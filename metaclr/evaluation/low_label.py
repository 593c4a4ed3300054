"""A few labels: a linear probe on frozen features, and fine-tuning end to end, on the same stored subsets."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import torch
from torch import Tensor, nn

from episodes import ImageSet
from metaclr.engine.precision import dtype_for
from metaclr.errors import UserError
from metaclr.evaluation.features import device_of, features
from metaclr.evaluation.fine_tune import FineTune, fine_tune
from metaclr.evaluation.linear import fit_probe
from metaclr.evaluation.measurement import Measurement, join, of_subsets
from metaclr.evaluation.parts import Parts, parts


def low_label_frozen(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    subsets: Sequence[Tensor],
    *,
    target: str,
    labels: str,
    protocol: str = "",
) -> list[Measurement]:
    """Test accuracy of a linear probe on the labels of each subset; mean and Student t interval over subsets.

    Args:
        x, y: features (n, F) and labels (n,) of the training part. x_test, y_test: those of the test part.
        subsets: stored indices into the training part (`episodes.label_subset`), one per subset seed.
        labels: what tables call this subset, "1 % (18)".

    Raises:
        UserError: no subset, or one with a single class, or one that does not fit the training part.
    """
    correct, said, way = [], "", 0
    for subset in _checked(subsets, len(x)):
        data = _few(x, y, x_test, y_test, subset)
        probe = fit_probe(data.x, data.y, classes=data.classes)
        correct.append(probe.scores(data.x_test).argmax(1) == data.y_test)
        said, way = probe.said, data.classes
    said = join(protocol, labels=_digest(subsets), head="logistic regression on standardised features", penalty=said)
    stacked = torch.stack(correct)
    return [of_subsets("low-label frozen", stacked, target=target, way=way, labels=labels, protocol=said)]


def low_label_finetune(
    encoder: nn.Module,
    train: ImageSet,
    test: ImageSet,
    subsets: Sequence[Tensor],
    *,
    target: str,
    labels: str,
    settings: FineTune | None = None,
    x: Tensor | None = None,
    seed: int = 0,
    protocol: str = "",
) -> list[Measurement]:
    """Test accuracy after fine-tuning a copy of the encoder, end to end, on each subset.

    Args:
        train, test: the two parts of the target. subsets, labels: as for `low_label_frozen`.
        x: features (n, F) of the training part, where they are already there.
        seed: of the order in which images are shown; the encoder given is left as it is.

    Raises:
        EpisodeError: a part without labels. UserError: as `low_label_frozen`.
    """
    chosen, device = settings or FineTune(), device_of(encoder)
    y, y_test = train.required_labels().to(device), test.required_labels().to(device)
    correct, way = [], 0
    for number, subset in enumerate(_checked(subsets, len(train))):
        labelled = train.select(subset).to(device)
        known = features(encoder, labelled) if x is None else x[subset.to(x.device)].to(device)
        data = parts(known, y[subset.to(device)], known.new_zeros(len(test), known.shape[1]), y_test)
        probe = fit_probe(data.x, data.y, classes=data.classes)
        tuned, head = fine_tune(encoder, probe, labelled, data.y, chosen, seed=seed * 1009 + number)
        found = features(tuned, test, device, precision=chosen.precision)
        correct.append(head(found).argmax(1) == data.y_test)
        way = data.classes
    said = f"{join(protocol, labels=_digest(subsets))}; {chosen.said(dtype_for(encoder, chosen.precision, device))}"
    stacked = torch.stack(correct)
    return [of_subsets("low-label finetune", stacked, target=target, way=way, labels=labels, protocol=said)]


def _few(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor, subset: Tensor) -> Parts:
    return parts(x[subset.to(x.device)], y[subset.to(y.device)], x_test, y_test)


def _checked(subsets: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    if not subsets:
        raise UserError("low-label: no label subset was given")
    for subset in subsets:
        if not len(subset) or int(subset.min()) < 0 or int(subset.max()) >= count:
            raise UserError(f"low-label: a subset must hold indices in 0..{count - 1} (the training part)")
    return subsets


def _digest(subsets: Sequence[Tensor]) -> str:
    """Names the labels that were used, so that only results on the same ones are paired."""
    content = sha256()
    for subset in subsets:
        content.update(subset.cpu().contiguous().numpy().astype("<i8", copy=False).tobytes() + b";")
    return content.hexdigest()[:16]
