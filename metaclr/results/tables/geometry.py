"""Geometry of every method's features beside its few-shot accuracy, and which number ranks methods as accuracy does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean, stdev
from typing import Any

from metaclr.results.scores.geometry import (
    HEADINGS,
    MEANINGS,
    geometry_by_method,
    headline_columns,
    predictors,
)
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.layout import Block, Line, Table, TableCell

Values = Mapping[str, Mapping[str, Sequence[float]]]


def geometry_table(results: Results, summary: Summary) -> Table | None:
    """A line per method, a column per number, and a last line of rank correlations; None where nothing was measured."""
    found = [(t, g) for t in headline_columns(summary) if (g := geometry_by_method(results.rows, t.source, t.target))]
    if not found:
        return None
    records = tuple(record for task, geometry in found for record in _records(summary, task, geometry))
    seeds = max(len(v) for _, g in found for of in g.values() for v in of.values())
    spread = f" In parentheses: standard deviation over {seeds} seeds." if seeds > 1 else " One training seed."
    notes = [
        "Of the features on the target: no number but tolerance reads a label. Accuracy: percent."
        + ("" if results.from_elsewhere else spread),
        *MEANINGS,
    ]
    if any(predictors(summary, task, geometry) for task, geometry in found):
        notes.append(
            "Spearman: rank correlation with the accuracy over the trained methods, without the controls; p by "
            "permutations, not corrected for the number of columns. It speaks about these methods only."
        )
    title = "Geometry of the features, and which number goes with accuracy"
    return Table("geometry", title, partial(_blocks, summary, found), tuple(notes), records)


def _blocks(summary: Summary, found: Sequence[tuple[TableColumn, Values]], columns: int) -> tuple[Block, ...]:
    blocks = []
    for task, geometry in found:
        correlations = predictors(summary, task, geometry)
        names = [name for name in HEADINGS if any(name in of for of in geometry.values())]
        # Parts as even as can be where all numbers do not fit, each with the accuracy.
        parts = -(-len(names) // max(1, columns - 1))
        size = -(-len(names) // parts)
        for start in range(0, len(names), size):
            part = names[start : start + size]
            lines = [
                Line(
                    method,
                    (_accuracy(summary, method, task), *(_cell(geometry[method].get(name, ())) for name in part)),
                    rule=method in summary.controls and not any(m in summary.controls for m in summary.methods[:i]),
                )
                for i, method in enumerate(summary.methods)
                if method in geometry
            ]
            if correlations:
                cells = (
                    TableCell(text=f"{c.rho:+.2f} (p {c.p:.2g})" if (c := correlations.get(name)) else "–")
                    for name in part
                )
                count = max(c.methods for c in correlations.values())
                lines.append(Line(f"Spearman, {count} methods", (TableCell(text=""), *cells), rule=True))
            heads = (("", "accuracy"), *(("", HEADINGS[name]) for name in part))
            source = f", trained on {task.source}" if len({t.source for t, _ in found}) > 1 else ""
            blocks.append(Block(f"{task.target}, {task.title}{source}", heads, tuple(lines)))
    return tuple(blocks)


def _accuracy(summary: Summary, method: str, task: TableColumn) -> TableCell:
    score = summary.scores.get((method, task))
    return TableCell(score.value, score.ci95, score.sd) if score else TableCell(text="–")


def _cell(values: Sequence[float]) -> TableCell:
    """The mean over seeds, with their standard deviation."""
    if not values:
        return TableCell(text="–")
    value = fmean(values)
    digits = 1 if abs(value) >= 10 else 3
    spread = f" ({stdev(values):.{digits}f})" if len(values) > 1 else ""
    return TableCell(text=f"{value:.{digits}f}{spread}")


def _records(summary: Summary, task: TableColumn, geometry: Values) -> list[dict[str, Any]]:
    correlations = predictors(summary, task, geometry)
    records = []
    for method, of in geometry.items():
        score = summary.scores.get((method, task))
        means = {name: fmean(of[name]) if of.get(name) else None for name in HEADINGS}
        records.append(
            {"row": "method", "method": method, **table_column_record(task)}
            | {"value": score and score.value, "ci95": score and score.ci95, **means}
        )
    for what in ("rho", "p"):
        if correlations:
            of_what = {name: getattr(c, what) if (c := correlations.get(name)) else None for name in HEADINGS}
            records.append(
                {"row": f"spearman {what}", "method": "", **table_column_record(task)}
                | {"value": None, "ci95": None, **of_what}
            )
    return records
