"""Accuracy of episodes whose classes look alike, and of those whose classes do not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metaclr.results.scores.difficulty import BINS, Difficulty, Trend, difficulties
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.correlation_cell import correlation_cell
from metaclr.results.tables.layout import Block, Line, Table, TableCell

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTE = (
    "Similarity of an episode: mean cosine of the pairs of its classes' mean images (pixels, the mean over classes "
    "subtracted), the same for all methods."
)


def difficulty_table(results: Results, summary: Summary) -> Table | None:
    """A line per method, a block per source and target; None where the similarities are not stored."""
    found, _ = difficulties(results, summary)
    if not found:
        return None
    notes = (
        NOTE,
        f"Correlation: Pearson's, of similarity and accuracy over episodes, with its 95 % interval for new classes "
        f"(jackknife over classes). Least, most alike: mean accuracy (%) of the 1/{BINS} of the episodes with the "
        "least, the most similar classes, ± 95 % over episodes of this pool.",
    )
    records = tuple(record for one in found for record in _records(one))
    return Table(
        "difficulty", "Are episodes of classes that look alike harder?", partial(_blocks, found), notes, records
    )


def _blocks(found: Sequence[Difficulty], columns: int) -> tuple[Block, ...]:
    heads = (("", "correlation"), ("accuracy", "least alike"), ("accuracy", "most alike"))
    several = len({one.column.source for one in found}) > 1
    return tuple(
        Block(
            f"{one.column.target}, {one.column.title}" + (f", trained on {one.column.source}" if several else ""),
            heads,
            tuple(Line(trend.method, _cells(trend)) for trend in one.trends),
        )
        for one in found
    )


def _cells(trend: Trend) -> tuple[TableCell, ...]:
    first = correlation_cell(trend.correlation, trend.low, trend.high)
    return first, *(TableCell(trend.means[i], trend.halves[i]) for i in (0, -1))


def _records(one: Difficulty) -> list[dict[str, Any]]:
    return [
        {"method": trend.method, **table_column_record(one.column), "bin": i + 1, "similarity": one.centers[i]}
        | {"value": trend.means[i], "ci95_episodes": trend.halves[i]}
        | {"correlation": trend.correlation, "low": trend.low, "high": trend.high}
        for trend in one.trends
        for i in range(BINS)
    ]
