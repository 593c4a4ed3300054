"""The embedded data set: characters of the fonts that matplotlib ships; classes are characters, groups scripts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.drawn.confusables import MIN_OUTLINES, MIN_OUTLINES_TO_TRAIN, REASONS, lines, select
from metaclr.data.drawn.fonts import characters, class_name_of, fonts_digest, script_of, text_fonts
from metaclr.data.drawn.outlines import draw_outlines
from metaclr.data.drawn.pose import Pose, oversampling, posed
from metaclr.data.parts import take_parts
from metaclr.errors import UserError, unknown

POSE_SEED = 0
KEPT = ("source", "held-out")

_CANVAS = 64  # where the outlines are compared and, for small images, drawn
_FONTS = 64  # more than there are; an image's id is code * 64 + font


def glyphs(parts: tuple[str, ...] = (), size: int = 28, cache_in: Path | None = None) -> ImageSet:
    """Characters (M, 1, size, size), ink 255 on 0: one image per font that draws it differently, each posed at random.

    Args:
        parts: "source", "held-out" (Greek, Cyrillic, Armenian, Georgian without look-alikes), "all" (the default:
            both), a script of these in lower case ("greek", "latin"), "every" (all characters), or what was left
            out and why: "look-alike", "twin", "few" (see `confusables.REASONS`).

    Raises:
        UserError: an unknown part, or parts and scripts mixed.
    """
    whole = every_glyph(size, cache_in)
    if parts == ("every",):
        return whole
    if parts and set(parts) <= {*KEPT, *REASONS}:
        return take_parts(whole, parts, "glyphs")
    kept = take_parts(whole, KEPT, "glyphs")
    return kept if parts in ((), ("all",)) else kept.only_groups(_scripts(parts, kept, whole))


def _scripts(parts: tuple[str, ...], kept: ImageSet, whole: ImageSet) -> list[str]:
    known = {group.lower(): group for group in kept.groups}
    legal = [*KEPT, "all", "every", *REASONS, *known]
    for part in parts:
        if part in {group.lower() for group in whole.groups} - set(known):
            raise UserError(f"part of glyphs {part!r}: none of its characters has enough different outlines of its own")
        if part in legal and part not in known:
            raise UserError(f"glyphs:{'+'.join(parts)}: {part!r} goes with no script; join scripts with scripts")
        if part not in known:
            raise unknown("part of glyphs", part, legal)
    return [known[part] for part in parts]


def report(size: int = 28, cache_in: Path | None = None) -> tuple[str, ...]:
    """How many characters are in each part, and how many were left out and why."""
    every = every_glyph(size, cache_in)
    part_of = dict(zip(every.required_labels().tolist(), every.split, strict=True))
    return lines(part_of.values())


def every_glyph(size: int = 28, cache_in: Path | None = None) -> ImageSet:
    """All characters that `fonts.MIN_FONTS` fonts draw, with `split` as `confusables.select` has it."""
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
        "enough": [MIN_OUTLINES, MIN_OUTLINES_TO_TRAIN],
        "attributes": ["font"],
    }
    return cached(key, lambda _: _render(fonts, size), cache_in)


def _render(fonts: list[Path], size: int) -> ImageSet:
    outlines = draw_outlines(fonts, characters(fonts), canvas=max(_CANVAS, oversampling(size) * size))
    part = select(outlines)
    ids = torch.from_numpy(outlines.code * _FONTS + outlines.font)
    images = posed(torch.from_numpy(outlines.canvas), ids, size, seed=POSE_SEED)
    codes, labels = np.unique(outlines.code, return_inverse=True)
    return ImageSet(
        images,
        torch.from_numpy(labels.astype(np.int64)),
        class_names=tuple(class_name_of(int(code)) for code in codes),
        groups=tuple(script_of(int(code)) for code in codes),
        split=tuple(part[int(code)] for code in outlines.code),
        name="glyphs",
        attributes={"font": tuple(fonts[font].stem for font in outlines.font.tolist())},
    )
