"""Tables of scores for the page: every cell with its interval and its seeds as dots, to sort, filter and point at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.tables.layout import TableCell

STRIP = 88
"""Width of the strip under a number, in its own units."""
_MARGIN = 4


@dataclass(frozen=True)
class Strip:
    """Places on a strip that all cells of a column share: the interval, the mean and each seed."""

    low: float
    high: float
    mean: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class GridCell:
    """One score: its printed parts, its exact value to sort by, the words shown on hover, and its strip."""

    number: str
    rest: str
    bold: bool = False
    value: float | None = None
    tip: str = ""
    strip: Strip | None = None


@dataclass(frozen=True)
class GridRow:
    """One method. kind: "control", "labels" (it sees the source's labels) or "no labels"; family: its heading."""

    method: str
    kind: str
    family: str
    cells: tuple[GridCell, ...]


@dataclass(frozen=True)
class GridColumn:
    """One task. kind: "few-shot", "all labels" or "few labels", what columns are filtered by."""

    group: str
    heading: str
    kind: str
    tip: str


@dataclass(frozen=True)
class Grid:
    """The scores of all methods on one target, after training on one source."""

    source: str
    target: str
    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]

    @property
    def spans(self) -> list[tuple[str, int, str]]:
        """(group, number of columns, kind) of the upper heading."""
        parts = groupby(self.columns, key=lambda column: (column.group, column.kind))
        return [(group, len(list(columns)), kind) for (group, kind), columns in parts]


def score_grids(results: Results, summary: Summary) -> list[Grid]:
    """One grid per source and target, in the order of the tables; methods in theirs, the controls last."""
    places = dict.fromkeys((task.source, task.target) for task in summary.tasks)
    return [
        _grid(results, summary, [task for task in summary.tasks if (task.source, task.target) == place])
        for place in places
    ]


def method_kind(results: Results, method: str) -> str:
    """ "control", "labels" or "no labels"; empty where the results do not say."""
    if method in results.controls:
        return "control"
    return {"yes": "labels", "no": "no labels"}.get(results.about.methods.get(method, {}).get("labels", ""), "")


def _grid(results: Results, summary: Summary, tasks: Sequence[TableColumn]) -> Grid:
    columns = tuple(_column(results, task) for task in tasks)
    ranges = [_range(summary.of(task)) for task in tasks]
    rows = tuple(
        GridRow(
            method,
            method_kind(results, method),
            summary.families.get(method, ""),
            tuple(_cell(results, summary, method, task, over) for task, over in zip(tasks, ranges, strict=True)),
        )
        for method in summary.methods
    )
    return Grid(tasks[0].source, tasks[0].target, columns, rows)


def _column(results: Results, task: TableColumn) -> GridColumn:
    kind = {"linear": "all labels", "knn": "all labels", "low-label": "few labels"}.get(task.family, task.family)
    chance = task.chance(results.about.classes.get(task.target))
    tip = f"{task.target}, {task.title}" + (f"; chance {chance:.3g} %" if chance else "")
    return GridColumn(task.group, task.heading, kind, tip)


def _range(scores: Sequence[Score]) -> tuple[float, float]:
    """The values that a column's strips span."""
    ends = [end for s in scores for end in (s.value - (s.ci95 or 0), s.value + (s.ci95 or 0), *s.values)]
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - 1, high + 1)


def _cell(results: Results, summary: Summary, method: str, task: TableColumn, over: tuple[float, float]) -> GridCell:
    score = summary.scores.get((method, task))
    if score is None:
        return GridCell("failed" if method in results.failed else "–", "")
    bold = (method, task) in summary.bold
    printed = TableCell(score.value, score.ci95, score.sd, bold=bold)

    def place(value: float) -> float:
        return round(_MARGIN + (STRIP - 2 * _MARGIN) * (value - over[0]) / (over[1] - over[0]), 1)

    half = score.ci95 or 0
    seeds = tuple(place(v) for v in score.values) if len(score.values) > 1 else ()
    strip = Strip(place(score.value - half), place(score.value + half), place(score.value), seeds)
    return GridCell(printed.number, printed.rest, bold, score.value, _tip(summary, score, bold), strip)


def _tip(summary: Summary, score: Score, bold: bool) -> str:
    task = score.task
    lines = [f"{score.method}: {score.value:.2f} %", f"{task.target}, {task.title}"]
    if score.ci95 is not None:
        lines.append(f"95 % interval {score.value - score.ci95:.2f} to {score.value + score.ci95:.2f}")
    if len(score.values) > 1:
        of = ", ".join(f"{v:.2f}" for v in score.values)
        lines.append(f"seeds {', '.join(map(str, score.seeds))}: {of}")
    lines.append(f"{score.n:,} {'episodes' if task.is_few_shot else 'test images'}")
    if bold:
        top = summary.ranked(task)[0].method == score.method
        lines.append("the best of its column" if top else "not significantly worse than the best")
    return "\n".join(lines)
