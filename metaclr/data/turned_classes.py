"""Quarter turns as classes: the images of a class turned by 90, 180 and 270 degrees are three more classes."""

from __future__ import annotations

from dataclasses import replace

import torch

from episodes import ImageSet, blocks
from metaclr.data import cache
from metaclr.data.scratch import Allocate, in_memory, release
from metaclr.errors import UserError

TURNS = ("", "/rot090", "/rot180", "/rot270")
"""What the names of the four classes end with; turned counter-clockwise."""


def with_turned_classes(image_set: ImageSet, allocate: Allocate | None = None) -> ImageSet:
    """Four classes of each: as drawn, and turned by one to three quarters; the images as drawn come first.

    The protocol of Omniglot in Vinyals et al. 2016 and Snell et al. 2017 (section 3.1): 1,200 characters are 4,800
    training classes, 423 are 1,692 test classes. `copies_of` says which classes are turns of one, so that intervals
    count characters, not turns.

    Args:
        allocate: gives the array for the pixels; by default memory, or a file in the cache where they are large.

    Raises:
        UserError: images without labels, or that are not square.
    """
    height, width = image_set.size
    if image_set.labels is None or height != width:
        what = "have no labels" if image_set.labels is None else f"are {width} x {height}, not square"
        raise UserError(f"{image_set.name}: quarter turns as classes need square images with labels; these {what}")
    count, shape = len(image_set), image_set.images.shape[1:]
    if allocate is None and 4 * image_set.images.numel() > cache.LARGE:
        key = {"name": "turned", "of": image_set.fingerprint(), "split": image_set.split, "groups": image_set.groups}
        made = cache.cached(key, lambda own: with_turned_classes(image_set, own))
        return _described(image_set, made)
    array = (allocate or in_memory)((4 * count, *shape))
    pixels = torch.from_numpy(array)
    for quarters in range(len(TURNS)):
        for rows in blocks(image_set.images):
            turned = torch.rot90(image_set.images[rows], quarters, (-2, -1))
            pixels[quarters * count + rows.start : quarters * count + rows.stop] = turned
            release(array)
    labels = torch.cat([4 * image_set.required_labels() + quarters for quarters in range(len(TURNS))])
    return _described(image_set, ImageSet(pixels, labels))


def _described(of: ImageSet, turned: ImageSet) -> ImageSet:
    """Names, groups, parts and files of the turned images and classes."""
    names = [of.class_name(i) for i in range(of.classes)]
    return replace(
        turned,
        class_names=tuple(name + turn for name in names for turn in TURNS),
        groups=tuple(group for group in of.groups for _ in TURNS),
        split=of.split * len(TURNS),
        files=of.files * len(TURNS),
        copies_of=tuple(name for name in names for _ in TURNS),
        name=of.name,
        notes=(*of.notes, turned_note(of)),
    )


def turned_note(of: ImageSet) -> str:
    """The note of a set whose classes were turned."""
    return (
        f"turns: {of.classes:,} characters and their quarter turns are {4 * of.classes:,} classes, as published"
        " (Vinyals et al. 2016)"
    )


def upright_note(image_set: ImageSet) -> str:
    """The note of a set that is published with turned classes and read without them."""
    return (
        f"turns: {image_set.classes:,} characters as drawn; published few-shot results count their quarter turns as"
        f" classes too ({4 * image_set.classes:,} in all) and are not comparable"
    )
