"""Rank correlations of evaluators over the trained methods."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING

from metaclr.results.scores.agreement import Agreement, agreements
from metaclr.results.scores.summary import Summary
from metaclr.results.tables.correlation_cell import correlation_cell
from metaclr.results.tables.layout import Block, Line, Table, TableCell

if TYPE_CHECKING:
    from collections.abc import Sequence


def agreement_table(summary: Summary) -> Table | None:
    """A matrix per source; None where there are too few methods or columns."""
    found, _ = agreements(summary)
    if not found:
        return None
    notes = (
        "Spearman's rank correlation of two evaluators over the trained methods, without controls, means over seeds. "
        "In brackets: 95 % interval (Bonett and Wright 2000), which takes these methods as a sample of methods and "
        "their scores as exact; none for equal orders. –: an evaluator gives all methods one value.",
    )
    records = tuple(
        {
            "source": one.source,
            "evaluator": one.labels[i],
            "other": one.labels[j],
            "methods": one.methods,
            "rho": one.agreements[i][j].rho,
            "low": one.agreements[i][j].low,
            "high": one.agreements[i][j].high,
        }
        for one in found
        for i in range(len(one.labels))
        for j in range(i)
    )
    return Table("evaluators", "Whether evaluators rank methods alike", partial(_blocks, found), notes, records)


def _blocks(found: Sequence[Agreement], columns: int) -> tuple[Block, ...]:
    blocks = []
    width = max(1, columns // 2)  # an entry has three numbers
    for one in found:
        count = len(one.labels)
        for start in range(0, count - 1, width):
            part = range(start, min(start + width, count - 1))
            lines = tuple(
                Line(
                    one.labels[i],
                    tuple(
                        correlation_cell(*astuple(one.agreements[i][j])) if j < i else TableCell(text="") for j in part
                    ),
                )
                for i in range(start + 1, count)
            )
            title = f"{one.methods} methods" + (f", trained on {one.source}" if len(found) > 1 else "")
            blocks.append(Block(title, tuple(("", one.labels[j]) for j in part), lines, corner="evaluator"))
    return tuple(blocks)
