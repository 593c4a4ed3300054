"""Paired differences against one method: how many points, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from metaclr.errors import unknown
from metaclr.results.scores.contrast import Difference
from metaclr.results.scores.families import FAMILY
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import LEVEL, Summary, differences
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.layout import Block, Table, TableCell, split
from metaclr.results.tables.score_table import method_lines

Found = Mapping[TableColumn, Mapping[str, Difference]]


def choose_reference(summary: Summary, reference: str | None) -> str:
    """The method named by `--reference`; by default `untrained`, or the first method.

    Raises:
        UserError: no such method.
    """
    if reference is None:
        return "untrained" if "untrained" in summary.methods else summary.methods[0]
    if reference not in summary.methods:
        raise unknown("method", reference, summary.methods)
    return reference


def differences_table(
    results: Results, summary: Summary, reference: str | None = None, shown: Sequence[TableColumn] | None = None
) -> Table | None:
    """Each method minus the reference, in percent points; None where nothing can be paired.

    shown: the columns of the table, all by default; p values are corrected over all columns.
    """
    base = choose_reference(summary, reference)
    by_task, reasons = differences(summary, base)
    wanted = summary.tasks if shown is None else shown
    found = {task: by_task[task] for task in wanted if by_task.get(task)}
    unpaired = [f"Left out: {task.target}, {task.title}: {reasons[task]}." for task in wanted if task in reasons]
    if not found:
        return None
    records = [
        table_column_record(task)
        | {"method": m, "reference": base, "difference": d.value, "ci95": d.ci95}
        | {"ci95_episodes": d.ci95_episodes, "sd": d.sd, "seeds": len(d.seeds), "p_holm": d.p}
        for task, of_task in found.items()
        for m, d in of_task.items()
    ]
    seeds = len({row.seed for row in results.rows})
    notes = (
        f"Percent points more than {base}, mean ± 95 % interval of the paired differences on the same "
        "episodes or test images" + (f", averaged over {seeds} training seeds." if seeds > 1 else "."),
        f"±, n.s.: speak about {scope(summary, list(found))}.",
        f"n.s.: not significant ({FAMILY}, level {LEVEL:g}). The p values are in the CSV file.",
        *_undefined(found),
        *unpaired,
    )
    return Table(
        "differences", f"Paired differences to {base}", partial(_blocks, summary, found), notes, tuple(records)
    )


def _blocks(summary: Summary, found: Found, columns: int) -> tuple[Block, ...]:
    blocks = []
    several = len({t.source for t in found}) > 1
    for part in split(list(found), columns):
        targets = list(dict.fromkeys(t.target for t in part))
        title = targets[0] if len(targets) == 1 else ""
        if several:
            title = f"{title}, trained on {part[0].source}".removeprefix(", ")
        heads = tuple((t.group if title else f"{t.target}: {t.group}", t.heading) for t in part)
        names = [m for m in summary.methods if any(m in found[t] for t in part)]
        entries = {m: tuple(_entry(found[t].get(m)) for t in part) for m in names}
        blocks.append(Block(title, heads, method_lines(summary, entries)))
    return tuple(blocks)


def _entry(d: Difference | None) -> TableCell:
    if d is None:
        return TableCell(text="–")
    return TableCell(d.value, d.ci95, signed=True, text=mark(d))


def mark(d: Difference) -> str:
    """'n.s.', 'no test', or '' for a significant difference."""
    if d.p is None:
        return "no test"
    return "" if d.significant(LEVEL) else "n.s."


def _undefined(found: Found) -> list[str]:
    """Why a column has no test."""
    return [
        f"no test, {t.target}, {t.title}: {reasons[0]}."
        for t, of_task in found.items()
        if (reasons := [d.undefined for d in of_task.values() if d.undefined])
    ]
