"""What the image files of a set are before anything is decoded: sizes, frames, depth, and those that are too large."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metaclr.data.options import ReadOptions
from metaclr.data.pixels.deep_pixels import DeepValues, deep_values, is_deep

if TYPE_CHECKING:
    from PIL.Image import Image

_ONE_IMAGE = frozenset({"MPO", "PSD", "ICO", "ICNS"})
"""Formats whose further frames are previews, layers or sizes of the one image."""

_CUT = 0.2
"""A crop that cuts away more than this share of an image is noted."""


@dataclass(frozen=True)
class Original:
    """One file: (width, height), frames, its values where it is deep; or why it is not read."""

    size: tuple[int, int] = (0, 0)
    frames: int = 1
    deep: DeepValues | None = None
    unreadable: str = ""
    too_large: bool = False


@contextmanager
def pixel_limit(most: int) -> Iterator[None]:
    """Let Pillow open images of up to `most` pixels; its own limit stands again afterwards."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max(most, before or most)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def reason(error: Exception) -> str:
    """Why a file cannot be read, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def inspect(sources: Sequence[Path | bytes], options: ReadOptions) -> list[Original]:
    """Look at the header of every file, and at the pixels of deep ones, within a `pixel_limit`."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(lambda source: _inspect(source, options), sources, chunksize=64))


def _inspect(source: Path | bytes, options: ReadOptions) -> Original:
    from PIL import Image

    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            size = image.size
            if size[0] * size[1] > options.max_pixels:
                return Original(size, too_large=True)
            count = frames(image)
            return Original(size, count, deep_values(image) if is_deep(image) else None)
    except Image.DecompressionBombError:
        return Original(too_large=True)
    except Exception as error:  # Pillow's plugins raise what they like on damaged files
        return Original(unreadable=reason(error))


def frames(image: Image) -> int:
    """Pages or frames of a file that are images of their own."""
    return 1 if image.format in _ONE_IMAGE else int(getattr(image, "n_frames", 1))


def original_notes(originals: Sequence[Original], options: ReadOptions) -> list[str]:
    """Notes on the sizes, the frames and what a crop cuts away."""
    read = [one for one in originals if not one.unreadable and not one.too_large]
    sizes = np.array([one.size for one in read])
    areas = sizes.prod(1)
    smallest, median, largest = (sizes[np.argsort(areas, kind="stable")[i]] for i in (0, len(read) // 2, -1))
    if len(np.unique(sizes, axis=0)) == 1:
        notes = [f"originals: all {largest[0]} x {largest[1]} (width x height)"]
    else:
        notes = [
            f"originals: {smallest[0]} x {smallest[1]} to {largest[0]} x {largest[1]}, median"
            f" {median[0]} x {median[1]} (width x height)"
        ]
    many = [one.frames for one in read if one.frames > 1]
    if many:
        which = "the first of each is read; frames = 'all' reads all" if options.frames == "first" else "all are read"
        span = f"{max(many)}" if min(many) == max(many) else f"{min(many)} to {max(many)}"
        notes.append(
            f"frames: {len(many):,} file{'s hold' if len(many) > 1 else ' holds'} {span} pages or frames; {which}"
        )
    note = fit_note(1 - sizes.min(1) / sizes.max(1), options.fit)
    return [*notes, *note]


def fit_note(cut: np.ndarray[tuple[int, ...], np.dtype[np.float64]], fit: str) -> list[str]:
    """A note where the crop to a square cuts a share of more than a fifth off; cut: (M,) shares."""
    if fit != "crop" or not (cut > _CUT).any():
        return [] if fit == "crop" or not cut.any() else [f"fit: oblong images are made square by {fit}"]
    return [
        f"fit: the crop to the center square cuts more than a fifth off {int((cut > _CUT).sum()):,} of {len(cut):,}"
        f" images (up to {100 * cut.max():.0f} %); fit = 'pad' or 'stretch' keeps all of them"
    ]
