"""How a table is printed: decimals, caption, label and notes. The numbers and tests stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from metaclr.results.tables.layout import Block, Table

Notes = Literal["short", "full", "none"]


def presented(
    table: Table, *, decimals: int | None = None, caption: str = "", label: str = "", notes: Notes = "full"
) -> Table:
    """The table with other decimals, caption, LaTeX label and length of its notes.

    Args:
        decimals: digits after the point in cells; None: one, or two where the interval is below 0.1. CSV keeps all.
        notes: "short" keeps those without which a number could be misread.
    """
    chosen = {"full": table.notes, "short": table.notes if table.short_notes is None else table.short_notes, "none": ()}

    def lay(columns: int) -> tuple[Block, ...]:
        return tuple(_with_decimals(block, decimals) for block in table.lay(columns))

    return replace(
        table,
        title=caption or table.title,
        label=label,
        notes=chosen[notes],
        lay=table.lay if decimals is None else lay,
    )


def _with_decimals(block: Block, decimals: int | None) -> Block:
    lines = (
        replace(line, entries=tuple(replace(cell, decimals=decimals) for cell in line.entries)) for line in block.lines
    )
    return replace(block, lines=tuple(lines))
