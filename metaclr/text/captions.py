"""The texts of each image: captions that came with it, else the name of its class."""

from __future__ import annotations

import re

from episodes import ImageSet
from metaclr.data.image_attributes import CAPTION
from metaclr.errors import UserError


def captions(images: ImageSet) -> list[str]:
    """The text of each image: its captions, one a line, or the words of its class's name.

    Raises:
        UserError: images with neither; an image without a caption among others that have some.
    """
    if CAPTION in images.attributes:
        texts = list(images.attributes[CAPTION])
        if "" in texts:
            first = texts.index("")
            where = f", first {images.files[first]}" if images.files else ""
            raise UserError(f"{images.name}: {texts.count('')} of {len(texts)} images have no caption{where}")
        return texts
    of_class = class_captions(images)
    return [of_class[label] for label in images.required_labels().tolist()]


def caption_lines(images: ImageSet) -> list[tuple[str, ...]]:
    """The captions of each image, at least one; see `captions`."""
    return [tuple(text.split("\n")) for text in captions(images)]


def class_captions(images: ImageSet) -> list[str]:
    """The words of every class's name: what follows its last slash, with blanks for underscores and hyphens.

    Raises:
        UserError: classes without names.

    >>> import torch
    >>> class_captions(ImageSet(torch.zeros(1, 1, 4, 4).byte(), torch.tensor([0]), ("Greek/GREEK SMALL LETTER PI",)))
    ['GREEK SMALL LETTER PI']
    """
    if not images.class_names:
        raise UserError(
            f"{images.name}: its images have no captions and its classes no names; captions are a column 'caption' of "
            "a .csv file, or the array 'caption' of an .npz"
        )
    return [" ".join(re.split(r"[_\s-]+", name.rpartition("/")[2])) for name in images.class_names]
