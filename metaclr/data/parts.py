"""Parts of a set: the published splits of its images or of its classes, joined by +."""

from __future__ import annotations

from dataclasses import replace

import torch

from episodes import ImageSet, splits
from metaclr.data.part_names import part_name
from metaclr.errors import UserError, unknown


def take_parts(image_set: ImageSet, parts: tuple[str, ...], what: str) -> ImageSet:
    """The images of some parts, in their order, without the classes that are left empty; all of them for ().

    Raises:
        UserError: a part that the set does not have in any spelling (with the nearest name).
    """
    if not parts:
        return image_set
    known = set(image_set.split)
    if not known:
        raise UserError(f"data set {what!r} has no parts, so not {'+'.join(parts)!r}")
    wanted = {part if part in known else part_name(part) or part for part in parts}
    for part in wanted - known:
        raise unknown(f"part of {what}", part, known)
    if known == wanted:
        return image_set
    kept = image_set.select(torch.tensor([part in wanted for part in image_set.split]).nonzero().flatten())
    return kept if kept.labels is None else kept.with_at_least(1)


def with_class_split(image_set: ImageSet, split: str) -> ImageSet:
    """The classes that a published class split names, and each image's part in `split`.

    All images of a class are used, whatever image split they were published in.

    Raises:
        UserError: the set lacks a class of the split.
    """
    parts = splits.class_split(split)
    part_of = {name: part for part, names in parts.items() for name in names}
    missing = sorted(set(part_of) - set(image_set.class_names))
    if missing:
        raise UserError(
            f"data set {split!r} needs class {missing[0]!r} (and {len(missing) - 1} more) of {image_set.name!r},"
            " which are not there"
        )
    ids = [i for i, name in enumerate(image_set.class_names) if name in part_of]
    named = image_set if len(ids) == image_set.classes else image_set.only_classes(ids)
    filled = tuple(part_of[named.class_names[label]] for label in named.required_labels().tolist())
    return replace(named, split=filled, name=split)
