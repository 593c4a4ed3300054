"""A few labels: a linear probe on frozen features, and fine-tuning end to end, on the same stored subsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

import torch
from torch import Tensor, nn

from episodes import ImageSet
from metaclr.engine.precision import dtype_for
from metaclr.errors import UserError
from metaclr.evaluation.features import device_of, features
from metaclr.evaluation.fine_tune import FineTune, Tuned, fine_tune
from metaclr.evaluation.linear import Probe, fit_probe
from metaclr.evaluation.measurement import Measurement, join, of_subsets
from metaclr.evaluation.stacked import fine_tune_stacked, should_stack
from metaclr.evaluation.train_test_features import parts


def low_label_probes(x: Tensor, y: Tensor, subsets: Sequence[Tensor]) -> tuple[Probe, ...]:
    """The linear probe of each subset: what `low_label_frozen` judges, and where `low_label_finetune` starts.

    x (n, F), y (n,): the training part. subsets, errors: as for `low_label_frozen`.
    """
    found = []
    for subset in _checked(subsets, len(x)):
        known, labels = x[subset.to(x.device)], y[subset.to(y.device)]
        data = parts(known, labels, known, labels)
        found.append(fit_probe(data.x, data.y, classes=data.classes))
    return tuple(found)


def low_label_frozen(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    subsets: Sequence[Tensor],
    *,
    target: str,
    labels: str,
    probes: Sequence[Probe] | None = None,
    protocol: str = "",
) -> list[Measurement]:
    """Test accuracy of a linear probe on the labels of each subset; mean and Student t interval over subsets.

    Args:
        x, y: features (n, F) and labels (n,) of the training part. x_test, y_test: those of the test part.
        subsets: stored indices into the training part (`episodes.label_subset`), one per subset seed.
        labels: what tables call this subset, "1 % (18)".
        probes: `low_label_probes` of the same features, where they are already there.

    Raises:
        UserError: no subset, or one with a single class, or one that does not fit the training part.
    """
    fitted = probes or low_label_probes(x, y, subsets)
    correct, said, way = [], "", 0
    for subset, probe in zip(_checked(subsets, len(x)), fitted, strict=True):
        data = parts(x[subset.to(x.device)], y[subset.to(y.device)], x_test, y_test)
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
    probes: Sequence[Probe] | None = None,
    seed: int = 0,
    protocol: str = "",
) -> list[Measurement]:
    """Test accuracy after fine-tuning a copy of the encoder, end to end, on each subset.

    Args:
        train, test: the two parts of the target. subsets, labels: as for `low_label_frozen`.
        probes: `low_label_probes` of the encoder's features, where they are already there.
        seed: of the order in which images are shown; the encoder given is left as it is.

    Raises:
        EpisodeError: a part without labels. UserError: as `low_label_frozen`.
    """
    chosen, device = settings or FineTune(), device_of(encoder)
    y, y_test = train.required_labels().to(device), test.required_labels().to(device)
    known = [_numbered(y[subset.to(device)], y_test) for subset in _checked(subsets, len(train))]
    starts = probes or [_probe(encoder, train.select(subset).to(device)) for subset in subsets]
    seeds = [seed * 1009 + number for number in range(len(subsets))]
    every: Iterable[Tuned]
    if should_stack(encoder, starts, [len(subset) for subset in subsets], chosen, train.images.shape[1:]):
        few = [train.select(subset).to(device) for subset in subsets]
        every = fine_tune_stacked(encoder, starts, few, [data[0] for data in known], chosen, seeds)
    else:  # one at a time, so that one copy of the encoder and one subset are in memory
        every = (
            fine_tune(encoder, start, train.select(subset).to(device), data[0], chosen, seed=number)
            for start, subset, data, number in zip(starts, subsets, known, seeds, strict=True)
        )
    correct = []
    for (tuned, head), (_, wanted) in zip(every, known, strict=True):
        found = features(tuned, test, device, precision=chosen.precision)
        correct.append(head(found).argmax(1) == wanted)
    way = starts[-1].bias.numel()
    said = f"{join(protocol, labels=_digest(subsets))}; {chosen.said(dtype_for(encoder, chosen.precision, device))}"
    stacked = torch.stack(correct)
    return [of_subsets("low-label finetune", stacked, target=target, way=way, labels=labels, protocol=said)]


def _probe(encoder: nn.Module, labelled: ImageSet) -> Probe:
    x = features(encoder, labelled)
    return low_label_probes(x, labelled.required_labels(), [torch.arange(len(labelled))])[0]


def _numbered(y: Tensor, y_test: Tensor) -> tuple[Tensor, Tensor]:
    """Labels of a subset and of the test part as `parts` numbers them."""
    data = parts(y.new_zeros(len(y), 0), y, y.new_zeros(len(y_test), 0), y_test)
    return data.y, data.y_test


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
