"""Coarse labels: the groups of a set (super-classes, alphabets, scripts) as its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from episodes import ImageSet
from metaclr.errors import UserError


def by_group(image_set: ImageSet, groups: Mapping[str, str] | None = None) -> ImageSet:
    """The same images, whose classes are the groups of their classes, sorted by name.

    groups: the group of every class by name; by default the set's own.

    Raises:
        UserError: a class without a group.
    """
    if groups is None and not image_set.groups:
        raise UserError(f"{image_set.name}: its classes have no groups, which coarse labels are")
    missing = [name for name in image_set.class_names if groups is not None and name not in groups]
    if missing:
        raise UserError(f"{image_set.name}: class {missing[0]!r} is in no group (nor are {len(missing) - 1} more)")
    of_class = image_set.groups if groups is None else tuple(groups[name] for name in image_set.class_names)
    names = sorted(set(of_class))
    coarse = torch.tensor([names.index(group) for group in of_class])
    labels = coarse[image_set.required_labels()].to(image_set.images.device)
    return replace(image_set, labels=labels, class_names=tuple(names), groups=())


def halves(image_set: ImageSet) -> ImageSet:
    """The set with parts: the first, third, ... image of every class is "train", the others are "test"."""
    labels = image_set.required_labels()
    order = labels.argsort(stable=True)
    counts = image_set.class_counts()
    starts = counts.cumsum(0) - counts
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels)) - starts[labels[order]]
    return replace(image_set, split=tuple("test" if odd else "train" for odd in (rank % 2).tolist()))
