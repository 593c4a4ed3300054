"""Arrays of images and labels, in any order of axes that can mean one thing, as an image set has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaclr.data.pixels.deep_pixels import to_bytes
from metaclr.errors import UserError
from metaclr.wording import some

Pixels = NDArray[np.uint8]

_CHANNELS = (1, 3, 4)
_NEEDED = "uint8 (M, H, W), (M, H, W, C) or (M, C, H, W), C = 1, 3 or 4"


def image_array(
    images: Any, where: str, count: int | None = None, pixel_range: tuple[float, float] | None = None
) -> tuple[Pixels, list[str]]:
    """Images (M, C, H, W) uint8 with C = 1 or 3, and notes.

    Args:
        images: (M, H, W); or four axes with 1, 3 or 4 channels last or first, or the images last. Transparency is
            laid on white.
        count: M, where labels say it.
        pixel_range: brings other types than uint8 to 0..255; without it they are refused.

    Raises:
        UserError: another shape, one that may mean two things, or pixels that are not uint8.
    """
    images = np.asarray(images)
    notes: list[str] = []
    if images.dtype != np.uint8:
        images = _scaled(images, where, pixel_range, notes)
    if images.ndim == 3:
        return np.ascontiguousarray(images[:, None]), notes
    if images.ndim != 4:
        raise UserError(f"{where}: images are {images.shape}; they must be {_NEEDED}{_hint(images.shape)}")
    order = _order(images.shape, count, where)
    if order == "CHW":
        notes.append(f"pixels: {images.shape} is read as (M, C, H, W)")
    elif order == "last":
        notes.append(f"pixels: {images.shape} is read as (H, W, C, M)")
    axes = {"CHW": (0, 1, 2, 3), "HWC": (0, 3, 1, 2), "last": (3, 2, 0, 1)}[order]
    images = images.transpose(axes)
    if images.shape[1] == 4:
        notes.append("pixels: the fourth channel is read as transparency, and laid on white")
        images = _on_white(images)
    return np.ascontiguousarray(images), notes


def _scaled(
    images: NDArray[Any], where: str, pixel_range: tuple[float, float] | None, notes: list[str]
) -> NDArray[Any]:
    kind = images.dtype.kind
    if kind not in "fiub" or (kind == "f" and not np.isfinite(images).all()):
        bad = "NaN or infinite" if kind == "f" else str(images.dtype)
        raise UserError(f"{where}: images are {bad} pixels; they must be uint8, 0 to 255")
    if pixel_range is None or kind == "b":
        name = "float" if kind == "f" else str(images.dtype)
        how = "save images.astype('uint8') * 255" if kind == "b" else _range_hint(images)
        raise UserError(f"{where}: images are {name} pixels; they must be uint8, 0 to 255; {how}")
    notes.append(f"pixel range: {pixel_range[0]:g} to {pixel_range[1]:g} becomes 0 to 255, as given")
    out = np.empty(images.shape, np.uint8)
    for i in range(len(images)):
        out[i] = to_bytes(images[i], pixel_range)
    return out


def _range_hint(images: NDArray[Any]) -> str:
    if not images.size:
        return "there are none"
    return f"say which values mean black and white: pixel_range = {images.min():g},{images.max():g} (theirs)"


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return "; reshape rows of pixels to (M, H, W) first"
    return "; for videos, save the frames as images" if len(shape) == 5 else ""


def _order(shape: tuple[int, ...], count: int | None, where: str) -> str:
    if count not in (shape[0], shape[3]):
        count = None  # which is refused where the labels are compared
    last = shape[3] in _CHANNELS and (count is None or shape[0] == count)
    first = shape[1] in _CHANNELS and (count is None or shape[0] == count)
    if last and first:  # square images decide, else it may mean either
        square = {"HWC": shape[1] == shape[2], "CHW": shape[2] == shape[3]}
        if square["HWC"] != square["CHW"]:
            return "HWC" if square["HWC"] else "CHW"
        if shape[1] == 1 or shape[3] == 1 or min(shape[1:]) == max(shape[1:]):
            raise UserError(
                f"{where}: images are {shape}, which may be (M, H, W, C) or (M, C, H, W); save them as (M, H, W)"
                " or with other sides"
            )
        return "HWC"
    if last or first:
        return "HWC" if last else "CHW"
    if count is not None and shape[3] == count and shape[2] in _CHANNELS:
        return "last"
    raise UserError(f"{where}: images are {shape}; they must be {_NEEDED}")


def _on_white(images: Pixels) -> Pixels:
    out = np.empty((len(images), 3, *images.shape[2:]), np.uint8)
    for i, image in enumerate(images):
        alpha = image[3:].astype(np.uint16)
        out[i] = (image[:3] * alpha + 255 * (255 - alpha) + 127) // 255
    return out


def class_labels(
    labels: Sequence[Any], class_names: tuple[str, ...], where: str
) -> tuple[list[NDArray[np.int64]], tuple[str, ...], list[str]]:
    """Labels of several arrays as ids 0..classes-1 of one list of classes, its names, and notes.

    labels: (M,) or (M, 1), integers, bool or strings. Integers that do not fill 0..n-1 are renumbered.

    Raises:
        UserError: one-hot or several labels an image, float labels, -1, or more labels than class names.
    """
    flat = [_column(np.asarray(one), where) for one in labels]
    whole = np.concatenate(flat)
    if whole.dtype.kind in "USOb":
        texts = [np.array([_text(v) for v in one.tolist()], dtype=object) for one in flat]
        values = sorted({str(v) for one in texts for v in one})
        if "" in values:
            empty = sum(v == "" for one in texts for v in one)
            raise UserError(f"{where}: {empty:,} images have an empty label; leave them out, or give them one")
        if class_names and set(values) <= set(class_names):
            values = list(class_names)
        index = {value: i for i, value in enumerate(values)}
        return [np.array([index[v] for v in one], np.int64) for one in texts], tuple(values), []
    flat = [one.astype(np.int64) for one in flat]
    found, counts = np.unique(np.concatenate(flat), return_counts=True)
    if not len(found):
        raise UserError(f"{where}: the set is empty")
    if found[0] < 0:
        raise UserError(
            f"{where}: {counts[found < 0].sum()} images have label {found[0]}; labels start at 0, or are left out"
            " altogether"
        )
    most = int(found[-1])
    if class_names and most < len(class_names):
        return _without_empty(flat, found, class_names)
    if class_names and len(found) != len(class_names):
        raise UserError(f"{where}: label {most} for {len(class_names)} class names")
    if most == len(found) - 1:
        return flat, class_names, []
    ids = [np.searchsorted(found, one).astype(np.int64) for one in flat]
    first, numbers = int(found[0]), some([str(v) for v in found.tolist()], 4)
    what = f"start at {first}" if first == 1 and most == len(found) else f"have gaps ({numbers})"
    names = class_names or tuple(map(str, found.tolist()))
    named = "the class names are theirs in order" if class_names else "and named by the numbers in the file"
    return ids, names, [f"labels: {what}; renumbered 0 to {len(found) - 1}, {named}"]


def _without_empty(
    flat: list[NDArray[np.int64]], found: NDArray[np.int64], class_names: tuple[str, ...]
) -> tuple[list[NDArray[np.int64]], tuple[str, ...], list[str]]:
    if len(found) == len(class_names):
        return flat, class_names, []
    used = set(found.tolist())
    empty = [name for i, name in enumerate(class_names) if i not in used]
    note = f"labels: {len(empty):,} of {len(class_names):,} classes have no image and are left out: {some(empty)}"
    ids = [np.searchsorted(found, one).astype(np.int64) for one in flat]
    return ids, tuple(class_names[i] for i in found.tolist()), [note]


def _column(labels: NDArray[Any], where: str) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "fiub" and bool((labels.astype(np.float64).sum(1) == 1).all()):
        raise UserError(f"{where}: labels are one-hot {labels.shape}; save labels.argmax(1), integers (M,)")
    if labels.ndim != 1:
        raise UserError(f"{where}: labels are {labels.dtype} {labels.shape}; they must be (M,), one label an image")
    if labels.dtype.kind not in "iuUSOb":
        raise UserError(f"{where}: labels are {labels.dtype} {labels.shape}; they must be integers or strings (M,)")
    return labels


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
