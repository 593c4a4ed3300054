"""A table of scores: methods as lines, tasks as columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.footnotes import footnotes, short_footnotes
from metaclr.results.tables.layout import Block, Line, Table, TableCell, family_headings, split
from metaclr.results.tables.published import NOTE, PublishedRow, published_lines, published_records


def score_table(
    results: Results,
    summary: Summary,
    name: str,
    title: str,
    tasks: Sequence[TableColumn],
    published: Sequence[PublishedRow] = (),
) -> Table:
    """Methods as lines, tasks as columns, controls below a rule, best and not significantly worse in bold.

    published: figures of papers, below all others, under a heading of their own.
    """
    below = [NOTE] if any(column in row.cells for row in published for column in tasks) else []
    return Table(
        name=name,
        title=title,
        lay=partial(_blocks, results, summary, tuple(tasks), tuple(published)),
        notes=(*footnotes(results, summary, tasks), *below),
        short_notes=(*short_footnotes(results, summary, tasks), *below),
        records=(*_records(results, summary, tasks), *published_records(published, tasks)),
    )


def _blocks(
    results: Results,
    summary: Summary,
    tasks: Sequence[TableColumn],
    published: Sequence[PublishedRow],
    columns: int,
) -> tuple[Block, ...]:
    sources = len({t.source for t in tasks}) > 1
    blocks = []
    for part in split(tasks, columns):
        targets = list(dict.fromkeys(t.target for t in part))
        title = targets[0] if len(targets) == 1 else ""
        if sources:
            title = f"{title}, trained on {part[0].source}".removeprefix(", ")
        heads = tuple((t.group if title else f"{t.target}: {t.group}", t.heading) for t in part)
        lines = method_lines(summary, {m: _entries(results, summary, m, part) for m in summary.methods})
        blocks.append(Block(title, heads, (*lines, *published_lines(published, part))))
    return tuple(blocks)


def method_lines(summary: Summary, entries: dict[str, tuple[TableCell, ...]]) -> tuple[Line, ...]:
    """One line per method: many methods under the headings of their families, few with a rule above the controls."""
    names = [m for m in summary.methods if m in entries]
    if summary.families:
        headings = family_headings(names, summary.families)
        return tuple(Line(m, entries[m], heading=headings.get(m, "")) for m in names)
    first = next((m for m in names[1:] if m in summary.controls), None)
    return tuple(Line(m, entries[m], rule=m == first) for m in names)


def _entries(results: Results, summary: Summary, method: str, tasks: Sequence[TableColumn]) -> tuple[TableCell, ...]:
    missing = TableCell(text="failed" if method in results.failed else "–")
    found = [summary.scores.get((method, task)) for task in tasks]
    return tuple(
        TableCell(s.value, s.ci95, s.sd, bold=(method, s.task) in summary.bold) if s else missing for s in found
    )


def _records(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> list[dict[str, Any]]:
    records = []
    for task in tasks:
        for method in summary.methods:
            s = summary.scores.get((method, task))
            record: dict[str, Any] = table_column_record(task) | {"method": method}
            if s:
                record |= {"value": s.value, "ci95": s.ci95, "ci95_encoders": s.ci95_encoders}
                record |= {"ci95_episodes": s.ci95_episodes, "sd": s.sd, "seeds": len(s.seeds), "n": s.n}
                record["bold"] = int((method, task) in summary.bold)
            else:
                record["failure"] = "; ".join(results.failed.get(method, []))
            records.append(record)
    return records
