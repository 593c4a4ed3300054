"""Characters drawn clean: upright, centerd, one per font, with a hash that tells equal outlines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

COMPARED_AT = 48
"""Pixels per em at which outlines are compared, whatever size is asked for: the classes never depend on it."""

EM = 0.75
"""Pixels per em as a share of the canvas; capitals are then about half as high as the canvas."""

FITS = 0.84
"""Share of the canvas that a drawing may fill; larger ones (long arrows, ligatures) are drawn smaller."""

_SHEET = 1 << 25  # pixels of the largest sheet that is drawn at once


@dataclass(frozen=True)
class Outlines:
    """R drawings: canvas (R, C, C) uint8 with ink 255 on 0, code (R,), font (R,), hash (R,) of the cropped ink."""

    canvas: Pixels
    code: NDArray[np.int64]
    font: NDArray[np.int64]
    hash: NDArray[np.int64]


def draw_outlines(fonts: Sequence[Path], characters: Mapping[int, Sequence[int]], canvas: int) -> Outlines:
    """Draw every character in every font that has it; an outline that repeats within a character is kept once.

    Many fonts fall back to the same outline (an arrow in DejaVu Sans and in its oblique): those are one image, not
    two. Ordered by code, then font. Blank drawings are left out.
    """
    em = round(EM * canvas)
    first: dict[tuple[int, int], tuple[int, int]] = {}
    inks: dict[tuple[int, int], Pixels] = {}
    for font, path in enumerate(fonts):
        for code, ink in _draw(path, [c for c, having in characters.items() if font in having], COMPARED_AT):
            if first.setdefault((code, _hash(ink)), (code, font)) == (code, font):
                inks[code, font] = ink.copy()
    if em != COMPARED_AT:
        for font, path in enumerate(fonts):
            kept = [code for code, having in inks if having == font]
            inks |= {(code, font): ink.copy() for code, ink in _draw(path, kept, em)}
    table = np.array(sorted((code, font, digest) for (code, digest), (_, font) in first.items()), dtype=np.int64)
    canvases = np.zeros((len(table), canvas, canvas), dtype=np.uint8)
    for place, (code, font, _) in enumerate(table.tolist()):
        _center(canvases[place], _smaller(fonts[font], code, inks[code, font], canvas))
    return Outlines(canvases, *(np.ascontiguousarray(column) for column in table.T))


def _draw(path: Path, codes: Sequence[int], em: int) -> Iterator[tuple[int, Pixels]]:
    """The ink of each character in one font, cropped to its bounding box; blank ones are left out.

    Characters are drawn many to a sheet: Pillow is fast at drawing and slow at handing over small images.
    """
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(str(path), em, layout_engine=ImageFont.Layout.BASIC)
    wide, high = int(2.25 * em), 2 * em  # no character of these fonts is larger
    many = max(1, _SHEET // (wide * high))
    for start in range(0, len(codes), many):
        some = codes[start : start + many]
        sheet = Image.new("L", (wide, high * len(some)))
        pen = ImageDraw.Draw(sheet)
        for place, code in enumerate(some):
            pen.text((wide // 2, high * place + 3 * em // 2), chr(code), fill=255, font=face, anchor="ms")
        pixels = np.asarray(sheet).reshape(len(some), high, wide)
        rows: NDArray[np.bool_] = np.asarray(pixels.any(2))
        columns: NDArray[np.bool_] = np.asarray(pixels.any(1))
        top, left = rows.argmax(1), columns.argmax(1)
        bottom, right = high - rows[:, ::-1].argmax(1), wide - columns[:, ::-1].argmax(1)
        for place, code in enumerate(some):
            if rows[place].any():
                yield code, pixels[place, top[place] : bottom[place], left[place] : right[place]]


def _smaller(path: Path, code: int, ink: Pixels, canvas: int) -> Pixels:
    """The ink, or where it is too large for the canvas the same character drawn at a smaller size."""
    room = int(FITS * canvas)
    if max(ink.shape) <= room:
        return ink
    em = int(EM * canvas * room / max(ink.shape))
    return next(_draw(path, [code], em))[1]


def _center(canvas: Pixels, ink: Pixels) -> None:
    height, width = ink.shape
    top, left = (canvas.shape[0] - height) // 2, (canvas.shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = ink


def _hash(ink: Pixels) -> int:
    content = f"{ink.shape}".encode() + ink.tobytes()
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)
