"""Pixels of more than 8 bits: read as they are in the file, and the range that a whole set of them uses."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_SAMPLE_VALUE = 281  # TIFF 6.0, page 34
_SHARE = 16
"""A range is too wide if the set never passes a sixteenth of it."""


@dataclass(frozen=True)
class DeepValues:
    """The values of one file: least, most, what 99.9 % of pixels stay below, and the maximum that the file declares."""

    low: float
    high: float
    nearly_all: float
    declared: float | None
    is_float: bool


def is_deep(image: Image) -> bool:
    """Whether the file holds more than 8 bits a channel: gray of 16 or 32 bits, float, or color of 16."""
    return image.mode.startswith(("I", "F")) or _deep_color(image) is not None


def deep_array(image: Image) -> NDArray[Any]:
    """The pixels as they are in the file: (H, W) gray, or (H, W, C) color, alpha last, of uint16."""
    raw = _deep_color(image)
    if raw is None:
        return np.asarray(image)
    if raw.startswith("LA"):  # in .png alone; Pillow has no raw mode for its lower bytes
        return _gray_alpha(image)
    # Pillow keeps one byte of two of 16-bit color: the upper one, or with the other byte order the lower one.
    name, order = raw[:-1], raw[-1]
    other = "L" if order == "B" else "B"
    upper, lower = (_loaded(image, f"{name}{which}") for which in (order, other))
    return upper.astype(np.uint16) * 256 + lower


def deep_values(image: Image) -> DeepValues:
    """Range of one deep image; NaN and infinite pixels are not counted."""
    pixels = deep_array(image)
    pixels = pixels[..., :-1] if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else pixels
    finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    if not finite.size:
        raise ValueError("every pixel is NaN or infinite")
    declared: float | None = None
    if image.format == "PPM":
        declared = 65535.0  # Pillow has brought the file's own maximum to this
    elif image.format == "TIFF":
        stored = getattr(image, "tag_v2", {}).get(_MAX_SAMPLE_VALUE)
        declared = float(np.max(stored)) if stored is not None else None
    nearly_all = float(np.quantile(finite, 0.999))
    return DeepValues(float(finite.min()), float(finite.max()), nearly_all, declared, pixels.dtype.kind == "f")


def as_bytes(image: Image, pixel_range: tuple[float, float]) -> Image:
    """A deep image as one of 8 bits a channel: L, LA, RGB or RGBA; alpha is not scaled by the range."""
    from PIL import Image as Pillow

    pixels = deep_array(image)
    if pixels.ndim == 2:
        return Pillow.fromarray(to_bytes(pixels, pixel_range))
    color = to_bytes(pixels, pixel_range)
    if pixels.shape[2] in (2, 4):
        color[..., -1] = pixels[..., -1] // 257
    return Pillow.fromarray(color)


def to_bytes(pixels: NDArray[Any], pixel_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Values as uint8: the range becomes 0 to 255; values outside of it, and NaN, become its ends."""
    low, high = pixel_range
    scaled = (np.nan_to_num(pixels.astype(np.float64), nan=low) - low) * (255.0 / (high - low))
    return scaled.clip(0, 255).round().astype(np.uint8)


def range_of(values: Iterable[DeepValues]) -> tuple[tuple[float, float], str]:
    """The range of a set of deep files, and where it comes from.

    The maximum that every file declares; else 0 to the largest value of as many bits as the set needs (12 bits for
    0 to 3,000); for float 0 to 1 or 0 to 255 where all values lie there; the least and the most value where some are
    negative, or where the set uses less than a sixteenth of that.
    """
    values = list(values)
    low, high = min(v.low for v in values), max(v.high for v in values)
    if all(v.declared is not None for v in values) and low >= 0:
        declared = max(v.declared or 0.0 for v in values)
        if high <= declared and high * _SHARE > declared:
            return (0.0, declared), "declared by the files"
    if low < 0 or not np.isfinite(high):
        return (low, high if high > low else low + 1), "the least and the most value of the set"
    if any(v.is_float for v in values):
        top = next((top for top in (1.0, 255.0) if high <= top), None)
        kind = "float"
    else:
        bits = max(8, int(high).bit_length())
        top, kind = float(2**bits - 1), f"{bits} bits"
    if top is None or (high > low and (high - low) * _SHARE < top):
        return (low, high if high > low else low + 1), "the least and the most value of the set"
    return (0.0, top), kind


def range_notes(
    values: Iterable[DeepValues], given: tuple[float, float] | None
) -> tuple[tuple[float, float], list[str]]:
    """The range that a set is read with, and notes on it."""
    values = list(values)
    found, origin = range_of(values)
    low, high = given or found
    whole = f"{min(v.low for v in values):g} to {max(v.high for v in values):g}"
    notes = [
        f"pixel range: {low:g} to {high:g} becomes 0 to 255 ({'as given' if given else origin}; {len(values):,} files"
        f" of more than 8 bits, which hold {whole}); pixel_range sets another"
    ]
    typical = float(np.median([v.nearly_all for v in values]))
    if (typical - low) * _SHARE < high - low and typical > low:
        notes.append(
            f"warning: most files stay below {typical:g}, a sixteenth of the pixel range, and look nearly black"
        )
    outside = sum(v.low < low or v.high > high for v in values)
    if outside:
        notes.append(f"pixel range: {outside:,} files hold values outside of it, which are clipped")
    return (low, high), notes


def _deep_color(image: Image) -> str | None:
    """The raw mode of 16-bit color ("RGB;16B"), of which Pillow reads 8 bits; None for other files."""
    for tile in getattr(image, "tile", ()):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        raw = next((str(a) for a in arguments if isinstance(a, str) and ";16" in a), "")
        if raw.startswith(("RGB", "LA")) and raw[-1] in "BLN":
            return raw
    return None


def _source(image: Image) -> str | BytesIO:
    """What the image was opened from."""
    name = getattr(image, "filename", "")
    if name:
        return str(name)
    stream = image.fp  # type: ignore[attr-defined]
    stream.seek(0)
    return BytesIO(stream.read())


def _gray_alpha(image: Image) -> NDArray[np.uint16]:
    """Gray and alpha of 16 bits in a .png: the same bytes as red, green, blue and alpha of 8 bits, so read as these."""
    from PIL import Image as Pillow

    source = _source(image)
    data = bytearray(Path(source).read_bytes() if isinstance(source, str) else source.getvalue())
    data[24:26] = bytes([8, 6])  # bit depth and color type of the header chunk, whose checksum follows it
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with Pillow.open(BytesIO(data)) as four:
        pixels = np.asarray(four).astype(np.uint16)
    return pixels[..., ::2] * 256 + pixels[..., 1::2]


def _loaded(image: Image, raw: str) -> NDArray[np.uint8]:
    """The image decoded anew from its file, with another raw mode."""
    from PIL import Image as Pillow

    with Pillow.open(_source(image)) as again:
        again.seek(image.tell())
        again.tile = [
            tile._replace(
                args=tuple(raw if isinstance(a, str) and ";16" in a else a for a in tile.args)
                if isinstance(tile.args, tuple)
                else raw
            )
            for tile in again.tile
        ]
        return np.asarray(again)
