"""The tables of scores: the main one, and one for each family of evaluators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from metaclr.files import write_atomic
from metaclr.results.folder import Results
from metaclr.results.layout import Block, Entry, Line, Table, split
from metaclr.results.protocol import footnotes
from metaclr.results.summary import Summary, summarise
from metaclr.results.task import Task

FORMATS = ("csv", "md", "tex", "html")


def build_tables(results: Results, *, reference: str | None = None) -> list[Table]:
    """Every table that the results have something for, the main one first (of a walk, that of its steps).

    Args:
        reference: the method that the paired differences are against; default the control `untrained`, or
            the first method.

    Raises:
        UserError: an unknown reference, or rows that contradict each other.
    """
    from metaclr.results.cost import cost_table
    from metaclr.results.differences import differences_table
    from metaclr.results.transfer import transfer_table
    from metaclr.results.walk_table import walk_tables

    summary = summarise(results)
    families = {
        "few-shot": ("few_shot", "Few-shot accuracy"),
        "linear": ("probes", "Linear probe and kNN on frozen features"),
        "knn": ("probes", "Linear probe and kNN on frozen features"),
        "low-label": ("low_label", "Accuracy from few labels"),
    }
    tables = [score_table(results, summary, "main", "Accuracy of every method", summary.tasks)]
    for name, title in dict.fromkeys(families.values()):
        of_family = [t for t in summary.tasks if families.get(t.family) == (name, title)]
        if of_family and len(of_family) < len(summary.tasks):
            tables.append(score_table(results, summary, name, title, of_family))
    more = (
        transfer_table(results, summary),
        differences_table(results, summary, reference),
        cost_table(results),
    )
    return walk_tables(results, summary) + tables + [table for table in more if table is not None]


def write_tables(folder: Path, tables: Sequence[Table], formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write tables/NAME.{csv,md,tex,html} atomically. The same results give the same bytes.

    Raises:
        UserError: an unknown format.
    """
    from metaclr.errors import unknown
    from metaclr.results.formats import RENDERERS

    paths = []
    for name in formats:
        if name not in RENDERERS:
            raise unknown("table format", name, RENDERERS)
        for table in tables:
            path = Path(folder) / "tables" / f"{table.name}.{name}"
            write_atomic(path, RENDERERS[name](table))
            paths.append(path)
    return paths


def score_table(results: Results, summary: Summary, name: str, title: str, tasks: Sequence[Task]) -> Table:
    """Methods as lines, tasks as columns, controls below a rule, best and not significantly worse in bold."""
    return Table(
        name=name,
        title=title,
        lay=partial(_blocks, results, summary, tuple(tasks)),
        notes=footnotes(results, summary, tasks),
        records=tuple(_records(results, summary, tasks)),
    )


def _blocks(results: Results, summary: Summary, tasks: Sequence[Task], columns: int) -> tuple[Block, ...]:
    sources = len({t.source for t in tasks}) > 1
    blocks = []
    for part in split(tasks, columns):
        targets = list(dict.fromkeys(t.target for t in part))
        title = targets[0] if len(targets) == 1 else ""
        if sources:
            title = f"{title}, trained on {part[0].source}".removeprefix(", ")
        heads = tuple((t.group if title else f"{t.target}: {t.group}", t.column) for t in part)
        lines = method_lines(summary, {m: _entries(results, summary, m, part) for m in summary.methods})
        blocks.append(Block(title, heads, lines))
    return tuple(blocks)


def method_lines(summary: Summary, entries: dict[str, tuple[Entry, ...]]) -> tuple[Line, ...]:
    """One line per method, with a rule above the first control."""
    names = [m for m in summary.methods if m in entries]
    first = next((m for m in names[1:] if m in summary.controls), None)
    return tuple(Line(m, entries[m], rule=m == first) for m in names)


def _entries(results: Results, summary: Summary, method: str, tasks: Sequence[Task]) -> tuple[Entry, ...]:
    missing = Entry(text="failed" if method in results.failed else "–")
    found = [summary.scores.get((method, task)) for task in tasks]
    return tuple(Entry(s.value, s.ci95, s.sd, bold=(method, s.task) in summary.bold) if s else missing for s in found)


def _records(results: Results, summary: Summary, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    records = []
    for task in tasks:
        for method in summary.methods:
            s = summary.scores.get((method, task))
            record: dict[str, Any] = task_record(task) | {"method": method}
            if s:
                record |= {"value": s.value, "ci95": s.ci95, "sd": s.sd, "seeds": len(s.seeds), "n": s.n}
                record["bold"] = int((method, task) in summary.bold)
            else:
                record["failure"] = "; ".join(results.failed.get(method, []))
            records.append(record)
    return records


def task_record(task: Task) -> dict[str, Any]:
    """The columns that name a task in a CSV file."""
    names = ("source", "target", "evaluator", "way", "shot", "labels", "metric")
    return {name: getattr(task, name) for name in names}
