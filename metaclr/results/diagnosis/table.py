"""The table of a diagnosis: a line per encoder and layer, a column per number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from metaclr.diagnose.measured import Measured
from metaclr.diagnose.summary import NUMBERS
from metaclr.results.tables.layout import Block, Line, Table, TableCell


def diagnosis_table(measured: Sequence[Measured], what: str, notes: Sequence[str] = ()) -> Table:
    """Blocks of columns for each layer. what: the images, in words."""
    names = [name for name in NUMBERS if any(name in one.numbers for one in measured)]
    meanings = [f"{NUMBERS[name].heading}: {NUMBERS[name].meaning}." for name in names]
    attainable = [one for one in measured if _needs_more(one)]
    if attainable:
        meanings.append(
            "simplex: a regular simplex of C class means needs C - 1 dimensions; with fewer, it and NC2 angles cannot "
            "be 0."
        )
    records = tuple(
        {"encoder": one.label, "method": one.group, "layer": one.layer, **{n: one.numbers.get(n) for n in names}}
        for one in measured
    )
    return Table(
        "diagnosis",
        f"Geometry of the embeddings, {what}",
        partial(_blocks, measured, names),
        (*notes, *meanings),
        records,
    )


def _needs_more(one: Measured) -> bool:
    """Whether there are more classes than a simplex has room for; 1 / collision is their number if all are alike."""
    return 1 / one.numbers.get("collision", 1.0) > one.numbers["dimensions"] + 1


def _blocks(measured: Sequence[Measured], names: Sequence[str], columns: int) -> tuple[Block, ...]:
    blocks = []
    for layer in dict.fromkeys(one.layer for one in measured):
        lines = [one for one in measured if one.layer == layer]
        have = [name for name in names if any(name in one.numbers for one in lines)]
        for start in range(0, len(have), columns):
            part = have[start : start + columns]
            heads = tuple(("", NUMBERS[name].heading) for name in part)
            cells = tuple(Line(one.label, tuple(TableCell(text=_text(one, name)) for name in part)) for one in lines)
            blocks.append(Block(layer, heads, cells, corner="encoder"))
    return tuple(blocks)


def _text(one: Measured, name: str) -> str:
    """A number with three significant digits."""
    value = one.numbers.get(name)
    if value is None or not math.isfinite(value):
        return "–"
    if name in ("dimensions", "collapsed"):
        return f"{value:.0f}"
    digits = 3 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"
