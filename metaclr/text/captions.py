"""The text of each image: a caption that came with it, else the name of its class."""

from __future__ import annotations

import re

from episodes import ImageSet
from metaclr.errors import UserError

CAPTION = "caption"
"""Name of the attribute that holds captions (`ImageSet.attributes`)."""


def captions(images: ImageSet) -> list[str]:
    """One text per image: its caption, or the words of its class's name.

    Raises:
        UserError: images with neither.
    """
    if CAPTION in images.attributes:
        return list(images.attributes[CAPTION])
    of_class = class_captions(images)
    return [of_class[label] for label in images.required_labels().tolist()]


def class_captions(images: ImageSet) -> list[str]:
    """The words of every class's name: what follows its last slash, with blanks for underscores and hyphens.

    Raises:
        UserError: classes without names.

    >>> import torch
    >>> class_captions(ImageSet(torch.zeros(1, 1, 4, 4).byte(), torch.tensor([0]), ("Greek/GREEK SMALL LETTER PI",)))
    ['GREEK SMALL LETTER PI']
    """
    if not images.class_names:
        raise UserError(f"{images.name}: its images have no captions and its classes no names")
    return [" ".join(re.split(r"[_\s-]+", name.rpartition("/")[2])) for name in images.class_names]
