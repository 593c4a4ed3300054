"""The embedded data set: characters of the fonts that matplotlib ships; classes are characters, groups scripts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.fonts import characters, class_name_of, fonts_digest, script_of, text_fonts
from metaclr.data.lookalikes import ENOUGH_OUTLINES, ENOUGH_TO_TRAIN, Selection, select
from metaclr.data.outlines import draw_outlines
from metaclr.data.parts import take_parts
from metaclr.data.pose import Pose, posed
from metaclr.errors import UserError, unknown

POSE_SEED = 0

_CANVAS = 64  # where the outlines are compared and, for small images, drawn
_FONTS = 64  # more than there are; an image's id is code * 64 + font


def glyphs(parts: tuple[str, ...] = (), size: int = 28, cache_in: Path | None = None) -> ImageSet:
    """Characters (M, 1, size, size), ink 255 on 0: one image per font that draws it differently, each posed at random.

    Args:
        parts: "source", "held-out" (Greek, Cyrillic, Armenian, Georgian without look-alikes), "all" (the default:
            both), "left-out" (look-alikes, twins, characters that most fonts draw alike; see `report`),
            "every" (all characters), or a script in lower case, of those kept ("greek", "latin").

    Raises:
        UserError: an unknown part.
    """
    whole = every_glyph(size, cache_in)
    if parts == ("every",):
        return whole
    splits = [part for part in parts if part in ("source", "held-out", "left-out")]
    if len(splits) < len(parts) or not parts:
        kept = take_parts(whole, ("source", "held-out"), "glyphs")
        if parts in ((), ("all",)):
            return kept
        if not splits:
            return kept.only_groups(_scripts(parts, kept, whole))
        raise UserError(f"glyphs:{'+'.join(parts)}: join parts with parts, or scripts with scripts")
    return take_parts(whole, parts, "glyphs")


def _scripts(parts: tuple[str, ...], kept: ImageSet, whole: ImageSet) -> list[str]:
    known = {group.lower(): group for group in kept.groups}
    for part in parts:
        if part in {group.lower() for group in whole.groups} - set(known):
            raise UserError(f"part of glyphs {part!r}: none of its characters has enough different outlines of its own")
        if part not in known:
            raise unknown("part of glyphs", part, ["source", "held-out", "left-out", "all", "every", *known])
    return [known[part] for part in parts]


def every_glyph(size: int = 28, cache_in: Path | None = None) -> ImageSet:
    """All characters that `fonts.ENOUGH_FONTS` fonts draw, with `split` "source", "held-out" or "left-out"."""
    from PIL import __version__ as pillow
    from PIL import features

    fonts = text_fonts()
    key = {
        "name": "glyphs",
        "size": size,
        "fonts": fonts_digest(fonts),
        "drawn by": [pillow, features.version("freetype2")],
        "pose": asdict(Pose()),
        "seed": POSE_SEED,
        "enough": [ENOUGH_OUTLINES, ENOUGH_TO_TRAIN],
    }
    return cached(key, lambda _: _render(fonts, size), cache_in)


def report() -> tuple[str, ...]:
    """How many characters are in each part, and how many were left out and why. Draws them anew: seconds."""
    return selection().lines()


def selection() -> Selection:
    """Which characters are in which part, and why the others are in none."""
    fonts = text_fonts()
    return select(draw_outlines(fonts, characters(fonts), _CANVAS))


def _render(fonts: list[Path], size: int) -> ImageSet:
    outlines = draw_outlines(fonts, characters(fonts), canvas=max(_CANVAS, 2 * size))
    chosen = select(outlines)
    ids = torch.from_numpy(outlines.code * _FONTS + outlines.font)
    images = posed(torch.from_numpy(outlines.canvas), ids, size, seed=POSE_SEED)
    codes, labels = np.unique(outlines.code, return_inverse=True)
    return ImageSet(
        images,
        torch.from_numpy(labels.astype(np.int64)),
        class_names=tuple(class_name_of(int(code)) for code in codes),
        groups=tuple(script_of(int(code)) for code in codes),
        split=tuple(chosen.part_of(int(code)) for code in outlines.code),
        name="glyphs",
    )
