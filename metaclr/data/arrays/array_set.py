"""An image set from named arrays, whatever file they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from episodes import EpisodeError, Images, ImageSet, StoredImages
from metaclr.data.arrays.array_keys import ArrayGroup, array_groups, other_keys, unread_keys
from metaclr.data.arrays.arrays import class_labels, image_array
from metaclr.data.image_attributes import CAPTION, is_caption, is_grouping, one_line
from metaclr.data.part_names import part_name, part_names
from metaclr.errors import UserError


def used_keys(keys: Iterable[str], where: str) -> set[str]:
    """The arrays of a file that `set_of_arrays` reads. Raises UserError as it does."""
    keys = list(keys)
    groups = array_groups(keys, where)
    return {k for g in groups for k in (g.images, g.labels) if k is not None} | set(other_keys(keys).values())


def set_of_arrays(
    arrays: dict[str, Any],
    name: str,
    where: str,
    pixel_range: tuple[float, float] | None = None,
    unread: Iterable[str] = (),
) -> ImageSet:
    """An image set from arrays by their keys (see `array_groups`); `where` begins every error line.

    Arrays of several parts are joined, and `split` says which is which. Images that are a tensor or `StoredImages`,
    (M, C, H, W), are taken as they are. unread: further arrays of the file, which a note names.

    Raises:
        UserError: arrays that are no image set, or that may be read in several ways.
    """
    groups, others = array_groups(arrays, where), other_keys(arrays)
    texts = {key: tuple(map(_text, np.asarray(arrays[at]).ravel().tolist())) for key, at in others.items()}
    labelled = [group.labels is not None for group in groups]
    notes: list[str] = []
    bare = [group.images for group in groups if group.labels is None] if any(labelled) else []
    if bare:
        notes.append(f"left out: {', '.join(bare)}, which has no labels")
        groups = [group for group in groups if group.labels is not None]
    used = {key for group in groups for key in (group.images, group.labels) if key} | set(others.values())
    attributes = _attributes(arrays, {*used, *bare}, groups)
    notes += unread_keys({*unread, *arrays}, {*used, *bare, *(key for key, _ in attributes.values())}, any(labelled))
    notes += [f"attributes: {', '.join(attributes)}"] if attributes else []
    labels: list[Any] = [arrays[group.labels] for group in groups if group.labels is not None]
    for group, one in zip(groups, labels, strict=False):
        if np.ndim(one) == 0:
            raise UserError(f"{where}: {group.labels} is one value; labels are (M,), one an image")
    pixels = [
        _pixels(arrays[group.images], where, len(np.asarray(labels[i])) if labels else None, pixel_range, notes)
        for i, group in enumerate(groups)
    ]
    for group, images, one in zip(groups, pixels, labels, strict=False):
        if len(np.asarray(one)) != len(images):
            raise UserError(
                f"{where}: {np.shape(one)} labels ({group.labels}) for {len(images)} images ({group.images})"
            )
    ids, class_names, more = class_labels(labels, texts.get("class_names", ()), where) if labels else ([], (), [])
    if len({tuple(one.shape[1:]) for one in pixels}) > 1:
        shapes = ", ".join(f"{g.images} {tuple(p.shape)}" for g, p in zip(groups, pixels, strict=True))
        raise UserError(f"{where}: the parts differ in size: {shapes}")
    split: tuple[str, ...] = tuple(g.part for g, p in zip(groups, pixels, strict=True) for _ in range(len(p)))
    if "split" in texts:
        split = part_names(texts["split"], f"{where}, split")
    super_classes = texts.get("groups", ()) if labels else ()
    try:
        return ImageSet(
            pixels[0] if len(pixels) == 1 else torch.cat([_tensor(p) for p in pixels]),
            torch.from_numpy(np.concatenate(ids)) if ids else None,
            class_names,
            _kept_groups(super_classes, texts.get("class_names", ()), class_names),
            split if any(split) else (),
            name,
            texts.get("files", ()),
            tuple(dict.fromkeys((f"layout: {_keys(groups)}", *notes, *more))),
            attributes={name: values for name, (_, values) in attributes.items()},
        )
    except EpisodeError as error:
        raise UserError(f"{where}: {error}") from error


def _attributes(
    arrays: dict[str, Any], used: set[str], groups: list[ArrayGroup]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Key and values of arrays with one value an image: captions and, beside labels, others whose values repeat."""
    if len(groups) != 1:
        return {}
    count, found = len(arrays[groups[0].images]), {}
    for key in sorted(key for key in arrays if key not in used):
        array = np.asarray(arrays[key])
        if array.shape != (count,) or array.dtype.kind not in "SUOiub":
            continue
        values = tuple(one_line(_text(value)) for value in array.tolist())
        may_be_part = any(part_name(word) for word in re.split(r"[^a-z]+", key.lower()))
        if is_caption(key) or (groups[0].labels and not may_be_part and is_grouping(values)):
            found[CAPTION if is_caption(key) else key] = (key, values)
    return found


def _kept_groups(groups: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The super-classes of the classes that have images."""
    if len(groups) != len(before) or before == after or not set(after) <= set(before):
        return groups
    return tuple(groups[before.index(name)] for name in after)


def _keys(groups: list[Any]) -> str:
    return ", ".join(f"{g.images}{f' with {g.labels}' if g.labels else ' without labels'}" for g in groups)


def _pixels(
    images: Any, where: str, count: int | None, pixel_range: tuple[float, float] | None, notes: list[str]
) -> Images:
    if isinstance(images, (torch.Tensor, StoredImages)):  # large ones, checked where they were opened
        return images
    pixels, more = image_array(images, where, count, pixel_range)
    notes += more
    return torch.from_numpy(pixels)


def _tensor(images: Images) -> torch.Tensor:
    return images if isinstance(images, torch.Tensor) else images[:]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
