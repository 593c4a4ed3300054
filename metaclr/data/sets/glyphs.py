"""The embedded glyphs as a named set; metaclr.data.drawn.glyphs renders them."""

from __future__ import annotations

from episodes import ImageSet
from metaclr.data.drawn.glyphs import glyphs
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request


def _read(request: Request) -> ImageSet:
    return glyphs(request.parts, request.size or 28, request.cache)


SETS = (
    NamedSet(
        "glyphs",
        "characters of matplotlib's fonts; any script is a part, too",
        parts=("source", "held-out"),
        read=_read,
        takes_parts=True,
    ),
)
