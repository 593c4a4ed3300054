"""The embedded data set: characters of the fonts that matplotlib ships; classes are characters, groups scripts."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.fonts import characters, class_name_of, fonts_digest, script_of, text_fonts
from metaclr.data.lookalikes import Selection, select
from metaclr.data.outlines import Outlines, draw_outlines
from metaclr.data.pose import Pose, posed
from metaclr.errors import unknown

POSE_SEED = 0
_PARTS = ("source", "held-out", "all")


def glyphs(part: str = "all", size: int = 28, cache_in: Path | None = None) -> ImageSet:
    """Characters (M, 1, size, size), one image per font that draws them differently, each with a pose of its own.

    Args:
        part: "source", "held-out" (Greek, Cyrillic, Armenian, Georgian without look-alikes), "all" (both), or
            a script in lower case ("greek", "latin").

    Raises:
        UserError: an unknown part.
    """
    whole = _all(size, cache_in)
    name = f"glyphs:{part}"
    if part == "all":
        return replace(whole, name=name)
    if part in ("source", "held-out"):
        kept = [i for i, split in enumerate(_class_parts(whole)) if split == part]
        return replace(whole.only_classes(kept), split=(), name=name)
    scripts = {group.lower(): group for group in whole.groups}
    if part not in scripts:
        raise unknown("part of glyphs", part, [*_PARTS, *scripts])
    return replace(whole.only_groups(scripts[part]), name=name)


def report(size: int = 28) -> tuple[str, ...]:
    """How many characters are in each part, and how many were left out and why."""
    return _selection(size)[1].lines()


def _class_parts(whole: ImageSet) -> list[str]:
    assert whole.labels is not None
    first = {int(label): part for label, part in zip(whole.labels.tolist(), whole.split, strict=True)}
    return [first[i] for i in range(whole.classes)]


def _all(size: int, cache_in: Path | None) -> ImageSet:
    fonts = text_fonts()
    key = {"name": "glyphs", "size": size, "fonts": fonts_digest(fonts), "pose": asdict(Pose()), "seed": POSE_SEED}
    return cached(key, lambda: _render(size), cache_in)


@cache
def _selection(size: int) -> tuple[Outlines, Selection]:
    fonts = text_fonts()
    outlines = draw_outlines(fonts, characters(fonts), canvas=2 * size)
    return outlines, select(outlines)


def _render(size: int) -> ImageSet:
    outlines, selection = _selection(size)
    _selection.cache_clear()
    keep = np.isin(outlines.code, sorted(selection.source | selection.held_out))
    code, font = outlines.code[keep], outlines.font[keep]
    canvas = torch.from_numpy(outlines.canvas[keep])
    images = posed(canvas, torch.from_numpy(code * 64 + font), size, seed=POSE_SEED)
    codes, labels = np.unique(code, return_inverse=True)
    return ImageSet(
        images,
        torch.from_numpy(labels.astype(np.int64)),
        class_names=tuple(class_name_of(int(c)) for c in codes),
        groups=tuple(script_of(int(c)) for c in codes),
        split=tuple(selection.part_of(int(c)) for c in code),
        name="glyphs",
    )
