"""A source of which only a part is labelled, or whose labels are partly wrong, for methods that read labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run

MIN_CLASSES = 2


def source_of(run: Run, source: ImageSet) -> ImageSet:
    """The images that a run trains on, with the labels that it knows: all of them, but for a method that reads labels.

    label_share of its entry: a share of the classes, drawn by the run's seed; with one seed a smaller share is part of
    any larger one. label_noise: a share of the images, drawn likewise, whose labels are permuted among them.

    Raises:
        UserError: a share that leaves fewer than 2 classes.
    """
    entry = run.entry
    if run.method.labels != "given" or run.method.positives is not None or source.labels is None:
        return source
    if entry.label_share is not None and entry.label_share < 1:
        source = _some_classes(source, entry.label_share, run.seed, entry.title)
    return source if not entry.label_noise else _noisy(source, entry.label_noise, run.seed)


def _some_classes(source: ImageSet, share: float, seed: int, title: str) -> ImageSet:
    import torch

    from episodes import random

    kept = round(share * source.classes)
    if kept < MIN_CLASSES:
        least = MIN_CLASSES / source.classes
        raise UserError(f"{title}: label_share = {share} of {source.classes} classes: at least {least:.2g}")
    order = random.permute(random.key(seed, "labelled classes"), torch.arange(source.classes), source.classes)
    return source.only_classes(order[:kept].sort().values)


def _noisy(source: ImageSet, share: float, seed: int) -> ImageSet:
    import torch

    from episodes import random

    labels, count = source.required_labels().clone(), len(source)
    order = random.permute(random.key(seed, "wrong labels"), torch.arange(count), count)
    chosen = order[: round(share * count)]
    labels[chosen] = labels[chosen.roll(1)]
    return source.with_labels(labels, source.class_names)
