"""Which characters may stand together: no two classes of `source` and `held-out` share an outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metaclr.data.fonts import script_of
from metaclr.data.outlines import Outlines

HELD_OUT_SCRIPTS = ("Greek", "Cyrillic", "Armenian", "Georgian")

ENOUGH_OUTLINES = 12
"""A held-out character with fewer distinct outlines (12 fonts draw it alike) is no class to draw episodes from."""

ENOUGH_TO_TRAIN = 6
"""A source character needs fewer: training tasks are small."""


@dataclass(frozen=True)
class Selection:
    """The code points of each part, and why the others are left out.

    look_alikes: of a held-out script, drawn exactly as a source character in some font (Greek Alpha, Latin A).
    twins: drawn exactly as an earlier character of the same part (Kelvin sign, K).
    few: drawn in too few different ways.
    """

    source: frozenset[int]
    held_out: frozenset[int]
    look_alikes: frozenset[int]
    twins: frozenset[int]
    few: frozenset[int]

    def part_of(self, code: int) -> str:
        """ "source", "held-out" or "left-out"."""
        if code in self.source:
            return "source"
        return "held-out" if code in self.held_out else "left-out"

    def lines(self) -> tuple[str, ...]:
        """What was kept and left out, in words."""
        scripts = ", ".join(HELD_OUT_SCRIPTS)
        return (
            f"{len(self.source)} source characters; {len(self.held_out)} held-out ones ({scripts})",
            f"{len(self.look_alikes)} of the held-out scripts left out: drawn exactly as a source character",
            f"{len(self.twins)} left out: drawn exactly as an earlier character of the same part",
            f"{len(self.few)} left out: fewer than {ENOUGH_TO_TRAIN} different outlines among the fonts"
            f" ({ENOUGH_OUTLINES} for held-out scripts)",
        )


def select(outlines: Outlines) -> Selection:
    """Sort the characters into parts by equality of their cropped, un-posed outlines in any font.

    Held-out characters are compared with all characters of the other scripts, those that are left out too.
    """
    codes, starts, counts = np.unique(outlines.code, return_index=True, return_counts=True)
    hashes = {
        int(code): set(outlines.hash[start : start + count].tolist())
        for code, start, count in zip(codes, starts, counts, strict=True)
    }
    few = {code for code, drawn in hashes.items() if len(drawn) < _enough(code)}
    held = [code for code in hashes if script_of(code) in HELD_OUT_SCRIPTS]
    other = [code for code in hashes if script_of(code) not in HELD_OUT_SCRIPTS]
    taken = set().union(*(hashes[code] for code in other))
    look_alikes = {code for code in held if hashes[code] & taken}
    source, source_twins = _distinct([c for c in other if c not in few], hashes)
    held_out, held_twins = _distinct([c for c in held if c not in few | look_alikes], hashes)
    return Selection(
        frozenset(source),
        frozenset(held_out),
        frozenset(look_alikes),
        frozenset(source_twins | held_twins),
        frozenset(few - look_alikes),
    )


def _enough(code: int) -> int:
    return ENOUGH_OUTLINES if script_of(code) in HELD_OUT_SCRIPTS else ENOUGH_TO_TRAIN


def _distinct(codes: list[int], hashes: dict[int, set[int]]) -> tuple[set[int], set[int]]:
    """The codes whose outlines no earlier kept one has, and the others."""
    taken: set[int] = set()
    kept: set[int] = set()
    for code in codes:
        if not hashes[code] & taken:
            kept.add(code)
            taken |= hashes[code]
    return kept, set(codes) - kept
