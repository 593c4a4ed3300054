"""Thumbnails of a target as one picture, of which the page shows parts; sheets of views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.data_uri import picture_uri
from metaclr.results.store.inspections import TargetPictures, ViewSheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_ACROSS = 25
_SHEET_SIDE = 56
"""Pixels of an image on a sheet of views; small images are enlarged by whole factors."""
_GAP = 4


@dataclass(frozen=True)
class Sprite:
    """All thumbnails of a target in one picture. places: index of an image -> (column, row) of its thumbnail."""

    href: str
    across: int
    places: Mapping[int, tuple[int, int]]


def sprite(pictures: TargetPictures) -> Sprite:
    """The thumbnails in rows of `_ACROSS`: gray as PNG, color as JPEG."""
    import numpy as np

    count, channels, height, width = pictures.pixels.shape
    across = min(_ACROSS, count)
    sheet = np.zeros((-(-count // across) * height, across * width, channels), dtype=np.uint8)
    places = {}
    for number, (index, pixels) in enumerate(zip(pictures.ids, pictures.pixels, strict=True)):
        row, column = divmod(number, across)
        at = slice(row * height, (row + 1) * height), slice(column * width, (column + 1) * width)
        sheet[at] = np.moveaxis(pixels, 0, 2)
        places[int(index)] = (column, row)
    return Sprite(_encoded(sheet, photo=channels == 3), across, places)


def sheet_picture(sheet: ViewSheet) -> str:
    """A sheet of views as a data URI: an image a row, transparent gaps, so that it fits any background."""
    import numpy as np

    rows, columns, channels, height, width = sheet.pixels.shape
    zoom = max(1, _SHEET_SIDE // max(height, width))
    high, wide = zoom * height + _GAP, zoom * width + _GAP
    # The image stands apart from its views.
    canvas = np.zeros((rows * high - _GAP, columns * wide + _GAP, channels + 1), dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            enlarged = sheet.pixels[row, column].repeat(zoom, 1).repeat(zoom, 2)
            top, left = row * high, column * wide + (2 * _GAP if column else 0)
            at = slice(top, top + zoom * height), slice(left, left + zoom * width)
            canvas[(*at, slice(None, channels))] = np.moveaxis(enlarged, 0, 2)
            canvas[(*at, channels)] = 255
    return _encoded(canvas, photo=False)


def _encoded(pixels: NDArray[np.uint8], *, photo: bool) -> str:
    from PIL import Image

    return picture_uri(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), photo=photo)
