"""Small pictures inside a page: one image, or many in one picture of which the page shows parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metaclr.data_uri import picture_uri

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from episodes import ImageSet

SIDE = 96
"""Pixels of a single thumbnail."""

ATLAS_SIDE = 40
"""Pixels of a thumbnail among many, before the page enlarges it."""

_ACROSS = 50


def thumbnail(images: ImageSet, place: int, side: int = SIDE) -> str:
    """One image as a data URI, `side` pixels square, enlarged without smoothing if it is small."""
    return picture_uri(_resized(_picture(images.images[place : place + 1][0].cpu().numpy()), side), photo=False)


def atlas(images: ImageSet, places: list[int], side: int = ATLAS_SIDE) -> tuple[str, int]:
    """Thumbnails of some images, 50 a row, as one data URI (gray as PNG, color as JPEG); and the number in a row."""
    from PIL import Image

    across = min(_ACROSS, len(places))
    mode = "L" if images.channels == 1 else "RGB"
    sheet = Image.new(mode, (across * side, -(-len(places) // across) * side))
    for number, pixels in enumerate(images.images[torch.tensor(places)].cpu().numpy()):
        sheet.paste(_resized(_picture(pixels), side), (number % across * side, number // across * side))
    return picture_uri(sheet, photo=mode == "RGB"), across


def _picture(pixels: NDArray[Any]) -> Image:
    from PIL import Image

    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))


def _resized(picture: Image, side: int) -> Image:
    from PIL import Image

    small = max(picture.size) < side
    return picture.resize((side, side), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)
