"""The types of the classes that a method trains on: groups of its source, for objectives that read them (TABi)."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes import ImageSet
from metaclr.bridge import Typed, instance
from metaclr.comparison.labels.positives_setting import labelled
from metaclr.errors import UserError
from metaclr.methods import Method
from metaclr.positives.objective_labels import with_axis


def class_types(method: Method, images: ImageSet) -> Tensor | None:
    """The type of each label that the method's episodes carry, int64 (labels,); None where its objective reads none.

    A label is of the group of its first image: labels are classes, or the texts of pairs.

    Raises:
        UserError: an objective that reads types, and images without groups.
    """
    if with_axis(method.objective, Typed, instance) is None:
        return None
    if not images.groups:
        raise UserError(
            f"method {method.name!r} reads types of classes, which are groups (scripts, super-classes), and source "
            f"{images.name!r} has none"
        )
    names = sorted(set(images.groups))
    of_image = torch.tensor([names.index(group) for group in images.groups])[images.required_labels()]
    found = labelled(method, images)
    types = torch.zeros(found.classes, dtype=torch.int64)
    return types.index_copy_(0, found.required_labels().flip(0), of_image.flip(0))
