"""The main table in a terminal, split so that no line is wider than it; plain aligned text when piped."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import Results, load
from metaclr.results.tables.layout import Block, Table
from metaclr.results.tables.score_table import score_table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

PIPED_WIDTH = 100
MARK = "*"


def print_main_table(where: Path | Results, *, width: int | None = None, file: TextIO | None = None) -> None:
    """Print the main table of a comparison folder (or of loaded results).

    Args:
        width: characters; default the terminal's, or COLUMNS, or 100 when piped.

    Raises:
        UserError: the folder is not that of a comparison.
    """
    results = where if isinstance(where, Results) else load(Path(where))
    print_table(score_table(results, s := summarise(results), "main", "Accuracy of every method", s.tasks), width, file)


def print_table(table: Table, width: int | None = None, file: TextIO | None = None) -> None:
    """Print any table: with rich in a terminal, where best is bold; as plain text when piped, where it has a *."""
    out = file or sys.stdout
    live = out.isatty() and "NO_COLOR" not in os.environ
    columns = width or (shutil.get_terminal_size().columns if live else int(os.environ.get("COLUMNS") or PIPED_WIDTH))
    blocks = fit(table, columns)
    notes = [line for note in table.notes for line in textwrap.wrap(note, columns, subsequent_indent="  ")]
    if not live:
        marked = any(entry.bold for block in blocks for line in block.lines for entry in line.entries)
        mark = f"{MARK}: best of its column, or not significantly worse; see Bold."
        notes = [*([mark] if marked else []), *notes]
        print("\n\n".join(_plain(block) for block in blocks), "", *notes, sep="\n", file=out)
        return
    from rich.console import Console

    console = Console(file=out, width=columns, highlight=False)
    for block in blocks:
        console.print(_rich(block))
    console.print("\n".join(notes), style="dim", markup=False)


def fit(table: Table, width: int) -> tuple[Block, ...]:
    """The blocks with as many columns as `width` characters hold, at least one."""
    for columns in range(12, 1, -1):
        blocks = table.lay(columns)
        if all(max(map(len, _plain(block).splitlines())) <= width for block in blocks):
            return blocks
    return table.lay(1)


def _plain(block: Block) -> str:
    """Aligned text: title, the two heading lines, a rule, and one line per method."""
    # Entries without a mark leave its place empty, so that digits align.
    cells = [
        [e.plain + (MARK if e.bold else " " if e.value is not None else "") for e in line.entries]
        for line in block.lines
    ]
    widths = [max(len(head), *(len(c[i]) for c in cells)) for i, (_, head) in enumerate(block.heads)]
    for i, (group, count) in zip(_starts(block), block.spans, strict=True):
        room = sum(widths[i : i + count]) + 2 * (count - 1)
        widths[i] += max(0, len(group) - room)
    first = max(len(block.corner), *(len(line.name) for line in block.lines))
    rule = "─" * (first + sum(w + 2 for w in widths))
    lines = [block.title] if block.title else []
    if any(group for group, _ in block.heads):
        upper = ""
        for i, (group, count) in zip(_starts(block), block.spans, strict=True):
            upper += "  " + group.center(sum(widths[i : i + count]) + 2 * (count - 1))
        lines.append((" " * first + upper).rstrip())
    heads = [head.rjust(w) for (_, head), w in zip(block.heads, widths, strict=True)]
    lines += ["  ".join([block.corner.ljust(first), *heads]), rule]
    for line, texts in zip(block.lines, cells, strict=True):
        if line.rule:
            lines.append(rule)
        if line.heading:
            lines += [*([""] if line is not block.lines[0] else []), textwrap.shorten(line.heading, len(rule))]
        lines.append(
            "  ".join([line.name.ljust(first), *(t.rjust(w) for t, w in zip(texts, widths, strict=True))]).rstrip()
        )
    return "\n".join([*lines, rule])


def _starts(block: Block) -> list[int]:
    """The first column of every group."""
    starts, at = [], 0
    for _, count in block.spans:
        starts.append(at)
        at += count
    return starts


def _rich(block: Block) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(
        box=box.SIMPLE_HEAD, title=block.title or None, title_justify="left", title_style="bold", pad_edge=False
    )
    grid.add_column(Text(block.corner), no_wrap=True)
    previous = None
    for group, head in block.heads:
        # A group's name stands above its first column only.
        upper = group if group != previous else ""
        grid.add_column(Text(f"{upper}\n{head}"), justify="right", no_wrap=True)
        previous = group
    for line in block.lines:
        if line.rule or (line.heading and line is not block.lines[0]):
            grid.add_section()
        if line.heading:
            grid.add_row(Text(line.heading, style="italic"))
        texts = [Text(line.name)]
        for entry in line.entries:
            text = Text(entry.number, style="bold green" if entry.bold else "")
            texts.append(text.append(f" {entry.rest}".rstrip(), style="dim"))
        grid.add_row(*texts)
    return grid
