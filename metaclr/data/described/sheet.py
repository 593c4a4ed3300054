"""A contact sheet: rows of classes drawn from all over a set, a few images of each, with their names."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from episodes import ImageSet, random
from metaclr.errors import UserError
from metaclr.files import check_output_file, write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 3
_MARGIN = 14
_TEXT = 15


def contact_sheet(image_set: ImageSet, *, classes: int = 16, images: int = 12, seed: int = 0) -> Image:
    """A picture of up to `classes` rows with up to `images` images each, group by group; small images are enlarged.

    Classes are drawn evenly from all of them, images of a class at random from `seed`. A set without labels is a
    grid of images.
    """
    from PIL import Image, ImageDraw, ImageFont

    zoom = max(1, 56 // max(image_set.size))
    high, wide = (zoom * side + _GAP for side in image_set.size)
    rows = _rows(image_set, classes, images, seed)
    names = [_title(image_set, label) for label, _ in rows]
    font = ImageFont.truetype(str(text_font()), _TEXT - 2)
    left = round(max((font.getlength(name) for name in names), default=0)) + (_MARGIN if any(names) else 0)
    size = (2 * _MARGIN + left + images * wide, 2 * _MARGIN + len(rows) * high)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for row, (_, indices) in enumerate(rows):
        top = _MARGIN + row * high
        pen.text((_MARGIN, top + high // 2), names[row], fill="black", font=font, anchor="lm")
        for column, pixels in enumerate(image_set.images[indices].cpu().numpy()):
            picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))
            enlarged = picture.resize((wide - _GAP, high - _GAP), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (_MARGIN + left + column * wide, top))
    return sheet


def write_sheet(sheet: Image, path: Path) -> None:
    """Save as PNG, atomically. Raises UserError if it cannot be written, or is a folder or a device."""
    check_output_file(path)
    if not path.parent.is_dir():
        raise UserError(f"{path}: No such file or directory: make the folder {path.parent} first")
    buffer = BytesIO()
    sheet.save(buffer, format="PNG")
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error


def _rows(image_set: ImageSet, classes: int, images: int, seed: int) -> list[tuple[int, torch.Tensor]]:
    """Class (or -1) and image indices of each row."""
    order = random.permute(random.key(seed, "contact sheet"), torch.arange(len(image_set)), len(image_set))
    if image_set.labels is None:
        return [(-1, row) for row in torch.split(order[: classes * images], images)]
    labels = image_set.required_labels()[order]
    ids = np.unique(np.linspace(0, image_set.classes - 1, min(classes, image_set.classes)).round().astype(int))
    shown = sorted(ids.tolist(), key=lambda c: (image_set.groups[c] if image_set.groups else "", c))
    return [(label, order[labels == label][:images]) for label in shown]


def _title(image_set: ImageSet, label: int) -> str:
    if label < 0:
        return ""
    name, group = image_set.class_name(label), image_set.groups[label] if image_set.groups else ""
    full = name if not group or name.startswith(f"{group}/") else f"{group}/{name}"
    return full if len(full) <= 60 else f"{full[:59]}…"


def text_font() -> Path:
    """The font of labels."""
    from metaclr.data.drawn.fonts import text_fonts

    return next(path for path in text_fonts() if path.name == "DejaVuSans.ttf")
