"""Do evaluators rank methods alike? Rank correlations of a comparison's columns over its trained methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_METHODS = 5
"""Trained methods from which on rank correlations are shown."""
MAX_COLUMNS = 12
MIN_EPISODES = 500
"""Episodes of few-shot columns: scores of fewer are mostly noise, and so are their ranks."""


@dataclass(frozen=True)
class RankAgreement:
    """Spearman's rho and its 95 % interval.

    rho: None where a column gives all methods one value. low, high: None there and for a rho of 1 or -1, where the
    interval's formula has none.
    """

    rho: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """The rank correlations of the columns of one source: agreements[i][j], over the same methods."""

    source: str
    columns: tuple[TableColumn, ...]
    labels: tuple[str, ...]
    methods: int
    agreements: tuple[tuple[RankAgreement, ...], ...]


def agreement(x: Sequence[float], y: Sequence[float]) -> RankAgreement:
    """Spearman's rho of two evaluators over the same methods, as a sample of such methods.

    The interval (`evaluation.statistics.rank_correlation_interval`) takes the scores as exact, and the methods as
    independent draws; with few methods it is wide.
    """
    import numpy as np
    from scipy.stats import rankdata

    from metaclr.evaluation.statistics import rank_correlation_interval

    a, b = rankdata(x), rankdata(y)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return RankAgreement(None, None, None)
    rho = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if abs(rho) > 1 - 1e-9:
        return RankAgreement(rho, None, None)
    return RankAgreement(rho, *rank_correlation_interval(rho, len(a)))


def agreements(summary: Summary) -> tuple[list[Agreement], str]:
    """One for each source; and why there is none for the others, or ''.

    Of many columns `MAX_COLUMNS` are taken: of each target the few-shot ones first, then kNN, linear and low-label.
    """
    found, reasons = [], dict[str, None]()
    for source in dict.fromkeys(t.source for t in summary.tasks):
        tasks = [t for t in summary.tasks if t.source == source]
        methods = [m for m in summary.methods if m not in summary.controls]
        of = {t: [summary.scores[m, t] for m in methods if (m, t) in summary.scores] for t in tasks}
        if any(s.n < MIN_EPISODES for t in tasks if t.is_few_shot for s in of[t]):
            reasons[f"rank correlations need few-shot scores of {MIN_EPISODES} episodes"] = None
            continue
        tasks = [t for t in tasks if len(of[t]) >= MIN_METHODS]
        tasks = _chosen(tasks)
        shared = [m for m in methods if all((m, t) in summary.scores for t in tasks)]
        if len(tasks) < 2:
            reasons[f"rank correlations need {MIN_METHODS} trained methods on two columns"] = None
        elif len(shared) < MIN_METHODS:
            reasons[f"rank correlations need {MIN_METHODS} methods with all measurements"] = None
        else:
            values = [[summary.scores[m, t].value for m in shared] for t in tasks]
            rows = tuple(tuple(agreement(a, b) for b in values) for a in values)
            found.append(Agreement(source, tuple(tasks), _labels(tasks), len(shared), rows))
    return found, "; ".join(reasons)


def _chosen(tasks: list[TableColumn]) -> list[TableColumn]:
    """At most `MAX_COLUMNS`, in their order: round the targets, one of each family at a time."""
    if len(tasks) <= MAX_COLUMNS:
        return tasks
    queues: dict[str, list[TableColumn]] = {}
    for target in dict.fromkeys(t.target for t in tasks):
        of = [t for t in tasks if t.target == target]
        turns: dict[tuple[str, str], int] = {}
        place = {}
        for t in of:
            place[t] = turns[t.family, t.variant] = turns.get((t.family, t.variant), -1) + 1
        queues[target] = sorted(of, key=lambda t: (place[t], of.index(t)))
    picked: list[TableColumn] = []
    while len(picked) < MAX_COLUMNS:
        picked += [queue.pop(0) for queue in queues.values() if queue]
    return [t for t in tasks if t in picked[:MAX_COLUMNS]]


def _labels(tasks: Sequence[TableColumn]) -> tuple[str, ...]:
    several = len({t.target for t in tasks}) > 1
    # A title names the evaluator but for low-label runs, whose title is their mode and number of labels.
    return tuple(f"{t.target}, {_title(t)}" if several else _title(t) for t in tasks)


def _title(task: TableColumn) -> str:
    return f"low-label {task.title}" if task.family == "low-label" else task.title
