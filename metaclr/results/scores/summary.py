"""All scores of a comparison, and which of them go in bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.results.scores.contrast import Contrast, Difference, contrasts
from metaclr.results.scores.score import Score, score
from metaclr.results.scores.table_column import TableColumn, ordered, table_column_of
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL = 0.05


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

    def about_methods(self, task: TableColumn) -> bool:
        """Whether intervals and tests of a task speak about methods, not only about these trained encoders.

        That takes few-shot episodes and three training seeds of every method.
        """
        from metaclr.evaluation.standard_errors import MIN_SEEDS

        return task.is_few_shot and min((len(s.seeds) for s in self.of(task)), default=0) >= MIN_SEEDS

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
    scores = {key: score(*key, rows, results) for key, rows in grouped.items()}
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
    """The best method and those not significantly worse: the best against each other, Holm-corrected.

    One method alone is not the best of anything, so nothing is returned for it.

    Raises:
        UserError: scores that cannot be paired (see `contrasts`), or a test that is undefined.
    """
    from metaclr.evaluation.statistics import best_and_ties

    if len(scores) < 2:
        return frozenset()
    by_method = {s.method: s for s in scores}

    def p_values(top: str, others: Sequence[str]) -> list[float]:
        found = contrasts([Contrast((by_method[top],), (by_method[name],)) for name in others])
        return [_defined(one) for one in found]

    return best_and_ties({s.method: s.value for s in scores}, p_values, LEVEL).ties


def differences(scores: Sequence[Score], reference: str) -> dict[str, Difference]:
    """Each method minus the reference method on one task; p is Holm-corrected over these methods.

    Raises:
        UserError: the reference has no score, or scores that cannot be paired (see `contrasts`).
    """
    base = next((s for s in scores if s.method == reference), None)
    if base is None:
        raise UserError(f"{reference!r} has no score here to compare with")
    others = [s for s in scores if s.method != reference]
    found = contrasts([Contrast((s,), (base,)) for s in others])
    return dict(zip((s.method for s in others), holm_corrected(found), strict=True))


def holm_corrected(found: Sequence[Difference]) -> list[Difference]:
    """The same differences with Holm-corrected p values; one without p stays so and does not count."""
    from metaclr.evaluation.statistics import holm

    corrected = iter(holm([d.p for d in found if d.p is not None]))
    return [d if d.p is None else replace(d, p=next(corrected)) for d in found]


def _defined(found: Difference) -> float:
    if found.p is None:
        raise UserError(found.undefined)
    return found.p
