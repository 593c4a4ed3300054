"""The ranking of a comparison's trained methods, and whether a repetition would give it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.results.scores.geometry import headline_columns
from metaclr.results.scores.repetition import (
    MIN_EPISODES,
    Components,
    Repetition,
    components,
    episode_counts,
    repetitions,
)
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_METHODS = 2
"""Trained methods that a ranking needs."""


@dataclass(frozen=True)
class Neighbors:
    """Two methods that follow one another in the ranking, and the models of their difference in points.

    encoders: of these trained encoders. trainings: of new ones too; None for one training seed.
    """

    better: str
    worse: str
    difference: float
    encoders: Components
    trainings: Components | None


@dataclass(frozen=True)
class Ranking:
    """The trained methods on one column, best first; S seeds that all share, E episodes."""

    column: TableColumn
    methods: tuple[str, ...]
    seeds: int
    episodes: int
    repeated: tuple[Repetition, ...]
    neighbors: tuple[Neighbors, ...]


def rankings(summary: Summary) -> tuple[list[Ranking], str]:
    """One for each source and target, on its headline column; and why there is none for the others, or ''."""
    columns, reason = rankable(summary)
    return [_ranking(column, scores) for column, scores in columns], reason


def rankable(summary: Summary) -> tuple[list[tuple[TableColumn, list[Score]]], str]:
    """The columns that `rankings` ranks, with the scores of their trained methods; and why not others, or ''."""
    found, reasons = [], dict[str, None]()
    for column in headline_columns(summary):
        scores = [s for s in summary.ranked(column) if s.method not in summary.controls]
        reason = _reason(scores)
        if reason:
            reasons[reason] = None
        else:
            found.append((column, scores))
    return found, "; ".join(reasons)


def _reason(scores: Sequence[Score]) -> str:
    if len(scores) < MIN_METHODS:
        return f"a ranking needs {MIN_METHODS} trained methods"
    if any(s.items is None for s in scores):
        return "no per-episode results are stored"
    if len({s.identity for s in scores}) > 1:
        return "the methods were evaluated on different episodes"
    if scores[0].n < MIN_EPISODES:
        return f"a ranking's safety needs {MIN_EPISODES} episodes or more, not {scores[0].n}"
    return "" if _shared(scores) else "the methods have no training seed in common"


def _shared(scores: Sequence[Score]) -> list[int]:
    return [seed for seed in scores[0].seeds if all(seed in s.seeds for s in scores)]


def _ranking(column: TableColumn, scores: Sequence[Score]) -> Ranking:
    import numpy as np

    seeds = _shared(scores)
    y = np.stack([_items(s, seeds) for s in scores])  # (M, S, E)
    order = y.mean((1, 2)).argsort()[::-1]
    y, ranked = y[order], [scores[i] for i in order]
    pairs = []
    for i in range(len(ranked) - 1):
        d = y[i] - y[i + 1]
        over_trainings = components(d) if len(seeds) > 1 else None
        models = (components(d, same_encoders=True), over_trainings)
        pairs.append(Neighbors(ranked[i].method, ranked[i + 1].method, float(d.mean()), *models))
    methods = tuple(s.method for s in ranked)
    repeated = tuple(repetitions(y, episode_counts(y.shape[2])))
    return Ranking(column, methods, len(seeds), y.shape[2], repeated, tuple(pairs))


def _items(s: Score, seeds: Sequence[int]) -> NDArray[np.float64]:
    assert s.items is not None
    return s.items[[s.seeds.index(seed) for seed in seeds]]
