"""What data sets share, and what the parts of one share: the audit of `metaclr data check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from episodes import AuditReport, ImageSet, audit, image_hashes
from metaclr.data.adapt import adapt
from metaclr.data.parts import take_parts

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE, _GAP, _MARGIN, _TEXT = 72, 4, 12, 14
_FILES = 5  # named in lines


@dataclass(frozen=True, eq=False)
class Leak:
    """An audit, the sets that it is of, and whether they are parts of one set, which share classes on purpose."""

    report: AuditReport
    source: ImageSet
    target: ImageSet
    of_parts: bool = False


def find_leaks(sets: Sequence[ImageSet]) -> list[Leak]:
    """Audits of each two sets, and of each two parts of a set, brought to one size and number of channels."""
    size = min(min(one.size) for one in sets)
    one_size = len({one.size for one in sets}) == 1
    channels = min(one.channels for one in sets)
    alike = [adapt(one, size=None if one_size else size, channels=channels) for one in sets]
    found = [Leak(audit(a, b), a, b) for a, b in combinations(alike, 2)]
    for one in alike:
        parts = [take_parts(one, (part,), one.name) for part in sorted(set(one.split), key=_part_order)]
        named = [replace(part, name=f"{one.name}:{part.split[0]}") for part in parts]
        found += [Leak(audit(a, b), a, b, of_parts=True) for a, b in combinations(named, 2)]
    return found


def leak_lines(leak: Leak) -> list[str]:
    """The lines of an audit, and the first files in common."""
    report = replace(leak.report, shared_classes=()) if leak.of_parts else leak.report
    lines = report.lines()
    if leak.of_parts:
        lines[0] = lines[0].replace("0 classes and ", "")
    for place, (source, target) in enumerate(shared_pairs(leak)):
        if place == _FILES:
            lines.append(f"  and {len(leak.report.shared_images) - _FILES:,} more")
            break
        lines.append(f"  {_file(leak.target, target)} is {_file(leak.source, source)}")
    return lines


def shared_pairs(leak: Leak) -> list[tuple[int, int]]:
    """(image of the source, image of the target) of all images in common, by target."""
    report = leak.report
    near = dict(zip(report.near_images.tolist(), report.near_sources.tolist(), strict=True))
    first: dict[bytes, int] = {}
    for i, digest in enumerate(image_hashes(leak.source)):
        first.setdefault(digest, i)
    theirs = image_hashes(leak.target)
    return [(near[i] if i in near else first[theirs[i]], i) for i in report.shared_images.tolist()]


def pair_sheet(leaks: Sequence[Leak], most: int = 40) -> Image:
    """A picture of images in common: on each row the source's, the target's, and what they are called."""
    from PIL import Image, ImageDraw, ImageFont

    from metaclr.data.described.sheet import text_font

    rows = [(leak, *pair) for leak in leaks for pair in shared_pairs(leak)][:most]
    font = ImageFont.truetype(str(text_font()), _TEXT - 2)
    texts = [f"{_file(leak.source, i)}   {_file(leak.target, j)}" for leak, i, j in rows]
    wide = 2 * (_SIDE + _GAP) + 2 * _MARGIN + round(max(font.getlength(text) for text in texts))
    sheet = Image.new("RGB", (wide, 2 * _MARGIN + len(rows) * (_SIDE + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, ((leak, i, j), text) in enumerate(zip(rows, texts, strict=True)):
        top = _MARGIN + row * (_SIDE + _GAP)
        for column, pixels in enumerate((leak.source.images[i], leak.target.images[j])):
            sheet.paste(_picture(pixels).resize((_SIDE, _SIDE)), (_MARGIN + column * (_SIDE + _GAP), top))
        left = _MARGIN + 2 * (_SIDE + _GAP)
        pen.text((left, top + _SIDE // 2), text, fill="black", font=font, anchor="lm")
    return sheet


def _picture(pixels: torch.Tensor) -> Image:
    from PIL import Image

    array = pixels.cpu().numpy()
    return Image.fromarray(array[0] if len(array) == 1 else np.moveaxis(array, 0, 2))


def _file(image_set: ImageSet, i: int) -> str:
    return f"{image_set.name}/{image_set.files[i]}" if image_set.files else f"{image_set.name} image {i}"


def _part_order(part: str) -> tuple[int, str]:
    known = ("train", "trainval", "val", "gallery", "support", "query", "test")
    return (known.index(part) if part in known else len(known), part)
