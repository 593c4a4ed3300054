"""Which characters may stand together: no two classes of `source` and `held-out` share an outline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from metaclr.data.drawn.fonts import script_of
from metaclr.data.drawn.outlines import Outlines

HELD_OUT_SCRIPTS = ("Greek", "Cyrillic", "Armenian", "Georgian")

MIN_OUTLINES = 12
"""A held-out character with fewer distinct outlines (12 fonts draw it alike) is no class to draw episodes from."""

MIN_OUTLINES_TO_TRAIN = 6
"""A source character needs fewer: training tasks are small."""


REASONS = {
    "look-alike": "of the held-out scripts left out: drawn exactly as a source character in some font",
    "twin": "left out: drawn exactly as an earlier character of the same part",
    "few": f"left out: fewer than {MIN_OUTLINES_TO_TRAIN} different outlines among the fonts"
    f" ({MIN_OUTLINES} for held-out scripts)",
}
"""Parts that are in neither `source` nor `held-out`, and why."""


def select(outlines: Outlines) -> dict[int, str]:
    """Code point -> "source", "held-out" or a key of `REASONS`, by equality of cropped, un-posed outlines in any font.

    Held-out characters are compared with all characters of the other scripts, those that are left out too.
    """
    codes, starts, counts = np.unique(outlines.code, return_index=True, return_counts=True)
    hashes = {
        int(code): set(outlines.hash[start : start + count].tolist())
        for code, start, count in zip(codes, starts, counts, strict=True)
    }
    part = {code: "few" for code, drawn in hashes.items() if len(drawn) < _min_outlines(code)}
    held = [code for code in hashes if script_of(code) in HELD_OUT_SCRIPTS]
    other = [code for code in hashes if script_of(code) not in HELD_OUT_SCRIPTS]
    taken = set().union(*(hashes[code] for code in other))
    part |= {code: "look-alike" for code in held if hashes[code] & taken}
    for name, candidates in (("source", other), ("held-out", held)):
        chosen, twins = _distinct([code for code in candidates if code not in part], hashes)
        part |= dict.fromkeys(chosen, name) | dict.fromkeys(twins, "twin")
    return part


def lines(parts: Iterable[str]) -> tuple[str, ...]:
    """What was kept and what was left out, in words; `parts` has one entry per character."""
    counts = Counter(parts)
    scripts = ", ".join(HELD_OUT_SCRIPTS)
    kept = f"{counts['source']:,} source characters; {counts['held-out']:,} held-out ones ({scripts})"
    return (kept, *(f"{counts[name]:,} {why}" for name, why in REASONS.items()))


def _min_outlines(code: int) -> int:
    return MIN_OUTLINES if script_of(code) in HELD_OUT_SCRIPTS else MIN_OUTLINES_TO_TRAIN


def _distinct(codes: list[int], hashes: dict[int, set[int]]) -> tuple[set[int], set[int]]:
    """The codes whose outlines no earlier kept one has, and the others."""
    taken: set[int] = set()
    kept: set[int] = set()
    for code in codes:
        if not hashes[code] & taken:
            kept.add(code)
            taken |= hashes[code]
    return kept, set(codes) - kept
