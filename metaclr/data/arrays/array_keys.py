"""Which arrays of a file are images and which labels: metaclr's keys, MedMNIST's, Keras', and other common ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metaclr.data.part_names import part_name
from metaclr.errors import UserError
from metaclr.wording import some

_IMAGES = ("images", "image", "imgs", "img", "imagedata", "pixels", "data", "x", "arr0")
_LABELS = ("labels", "label", "lbls", "lbl", "targets", "target", "finelabels", "y", "arr1")
_OTHERS = {
    "class_names": ("classnames", "labelnames", "categories", "classes"),
    "groups": ("groups", "superclasses"),
    "split": ("split", "splits", "subset", "part", "parts", "partition", "set", "phase", "usage"),
    "files": ("files", "filenames"),
}


@dataclass(frozen=True)
class ArrayGroup:
    """The keys of the images and of the labels (None without) of one part ("" where it has none)."""

    part: str
    images: str
    labels: str | None


def array_groups(keys: Iterable[str], where: str) -> list[ArrayGroup]:
    """The image and label arrays of a file: `images` and `labels`; `train_images`, `test_labels`; `x_train`, `y_train`.

    Raises:
        UserError: no array of images, or several for one part.
    """
    keys = list(keys)
    images, labels = _by_part(keys, _IMAGES), _by_part(keys, _LABELS)
    if "images" in keys:  # metaclr's own key leaves no doubt about the others without a part
        images[""] = ["images"]
        labels |= {"": ["labels"]} if "labels" in keys else {}
    if not images:
        held = f"it has {some(sorted(keys))}" if keys else "it has none"
        raise UserError(f"{where}: has no array 'images', uint8 (M, H, W) or (M, H, W, 3), nor 'x_train'; {held}")
    for found, what in ((images, "images"), (labels, "labels")):
        for part, several in found.items():
            if len(several) > 1:
                raise UserError(f"{where}: {some(several)} may all be the {what} of {part or 'the set'}; keep one")
    if "" in images and len(images) > 1:
        parts = some([names[0] for part, names in images.items() if part])
        raise UserError(f"{where}: {images[''][0]} and {parts} may both be the images; keep one of them")
    return [ArrayGroup(part, names[0], labels.get(part, [None])[0]) for part, names in images.items()]


def other_keys(keys: Iterable[str]) -> dict[str, str]:
    """class_names, groups, split and files: which key of the file holds each."""
    keys = list(keys)
    found = {}
    for name, spellings in _OTHERS.items():
        match = name if name in keys else next((k for k in keys if _plain(k) in spellings), None)
        if match is not None:
            found[name] = match
    return found


def unread_keys(keys: Iterable[str], used: Iterable[str], labelled: bool) -> list[str]:
    """A note on arrays that are not read; a warning where they may be labels or parts that the user means."""
    used = set(used)
    rest = sorted(key for key in keys if key not in used)
    if not rest:
        return []
    words = {word for key in rest for word in re.split(r"[^a-z]+", key.lower())}
    if not labelled or any(part_name(word) for word in words):
        return [
            f"warning: arrays {some(rest)} are not read; labels are called 'labels', and the part of each image 'split'"
        ]
    return [f"arrays: {some(rest)} are not read"]


def _by_part(keys: list[str], spellings: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        part = _part_of(_plain(key), spellings)
        if part is not None:
            found.setdefault(part, []).append(key)
    return found


def _part_of(key: str, spellings: tuple[str, ...]) -> str | None:
    """ "" for "images", "train" for "trainimages" and "xtrain"; None for other keys."""
    if key in spellings:
        return ""
    for spelling in spellings:
        for rest in (key.removeprefix(spelling), key.removesuffix(spelling)):
            if rest != key and part_name(rest):
                return part_name(rest)
    return None


def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())
