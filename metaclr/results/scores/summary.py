"""All scores of a comparison, and which of them go in bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.results.scores.score import Score, score
from metaclr.results.scores.table_column import TableColumn, ordered, table_column_of
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Mean of a - b in percent points on the same items, its 95 % half-width, and the Holm-corrected p value."""

    value: float
    ci95: float
    p: float


@dataclass(frozen=True)
class Summary:
    """What tables, figures and the report are made from. `bold` holds (method, task) pairs.

    unpaired: tasks in which nothing is bold, with the reason.
    """

    methods: tuple[str, ...]
    controls: frozenset[str]
    tasks: tuple[TableColumn, ...]
    scores: Mapping[tuple[str, TableColumn], Score]
    bold: frozenset[tuple[str, TableColumn]]
    unpaired: Mapping[TableColumn, str]

    def of(self, task: TableColumn) -> list[Score]:
        """The scores of a task, in the methods' order."""
        return [self.scores[m, task] for m in self.methods if (m, task) in self.scores]

    def ranked(self, task: TableColumn) -> list[Score]:
        """The scores of a task, best first."""
        return sorted(self.of(task), key=lambda s: -s.value)


def summarise(results: Results) -> Summary:
    """Scores of every method on every task, and the bold ones.

    Raises:
        UserError: rows that contradict each other (see `score`).
    """
    grouped: dict[tuple[str, TableColumn], list[Row]] = {}
    for row in results.rows:
        grouped.setdefault((row.method, table_column_of(row)), []).append(row)
    scores = {key: score(*key, rows, results.items) for key, rows in grouped.items()}
    tasks = ordered(results.rows)
    bold: set[tuple[str, TableColumn]] = set()
    unpaired: dict[TableColumn, str] = {}
    for task in tasks:
        of_task = [s for (_, t), s in scores.items() if t == task]
        try:
            bold |= {(method, task) for method in best(of_task)}
        except UserError as error:
            unpaired[task] = str(error)
    return Summary(results.methods, results.controls, tasks, scores, frozenset(bold), unpaired)


def best(scores: Sequence[Score]) -> frozenset[str]:
    """The best method and those not significantly worse: paired t tests against the best, Holm-corrected.

    One method alone is not the best of anything, so nothing is returned for it.

    Raises:
        UserError: scores that are not over the same items, or without per-item results.
    """
    from metaclr.evaluation.statistics import best_and_ties

    if len(scores) < 2:
        return frozenset()
    _same_items(scores)
    return best_and_ties({s.method: _items(s) for s in scores}, LEVEL).ties


def differences(scores: Sequence[Score], reference: str) -> dict[str, Difference]:
    """Each method minus the reference method on one task; p is Holm-corrected over these methods.

    Seeds are averaged within each item first: the interval speaks about these trained encoders.

    Raises:
        UserError: the reference has no score, or scores that are not over the same items.
    """
    from metaclr.evaluation.statistics import holm, paired_difference

    base = next((s for s in scores if s.method == reference), None)
    if base is None:
        raise UserError(f"{reference!r} has no score here to compare with")
    others = [s for s in scores if s.method != reference]
    _same_items([base, *others])
    pairs = [paired_difference(_items(s).mean(0), _items(base).mean(0)) for s in others]
    adjusted = holm([pair.p for pair in pairs])
    return {
        s.method: Difference(pair.difference, pair.half, p) for s, pair, p in zip(others, pairs, adjusted, strict=True)
    }


def _same_items(scores: Sequence[Score]) -> None:
    without = [s.method for s in scores if s.items is None]
    if without:
        raise UserError(f"no per-item results of {', '.join(without)}")
    for other in scores[1:]:
        if other.identity != scores[0].identity:
            raise UserError(f"{scores[0].method} and {other.method} were judged on different items")


def _items(s: Score) -> torch.Tensor:
    import torch

    if s.items is None:  # _same_items has said so already
        raise UserError(f"no per-item results of {s.method}")
    return torch.from_numpy(s.items)
