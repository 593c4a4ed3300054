"""All scores of a comparison, and which of them go in bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.results.scores.contrast import Contrast, Difference, contrasts
from metaclr.results.scores.families import holm_corrected
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
    families: Mapping[str, str] = field(default_factory=dict)
    """Family of each method in words, where there are many."""

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
    ranked = {task: sorted((s for (_, t), s in scores.items() if t == task), key=lambda s: -s.value) for task in tasks}
    found, unpaired = _contrasts_by_task(
        {task: [Contrast((top,), (s,)) for s in others] for task, (top, *others) in ranked.items() if others}
    )
    for task, of_task in list(found.items()):
        undefined = [d.undefined for d in of_task if d.p is None]
        if undefined:
            unpaired[task] = undefined[0]
            del found[task]
    bold: set[tuple[str, TableColumn]] = set()
    for task, of_task in holm_corrected(found).items():
        top, *others = ranked[task]
        ties = [s for s, d in zip(others, of_task, strict=True) if not d.significant(LEVEL)]
        bold |= {(s.method, task) for s in (top, *ties)}
    return Summary(results.methods, results.controls, tasks, scores, frozenset(bold), unpaired, results.families)


def differences(
    summary: Summary, reference: str
) -> tuple[dict[TableColumn, dict[str, Difference]], dict[TableColumn, str]]:
    """Each method minus the reference method by task, p values corrected (`holm_corrected`).

    Returns:
        Task -> method -> difference; and of tasks without one, why.
    """
    others: dict[TableColumn, list[Score]] = {}
    wanted: dict[TableColumn, list[Contrast]] = {}
    missing: dict[TableColumn, str] = {}
    for task in summary.tasks:
        base = summary.scores.get((reference, task))
        if base is None:
            missing[task] = f"{reference!r} has no score here to compare with"
            continue
        others[task] = [s for s in summary.of(task) if s.method != reference]
        wanted[task] = [Contrast((s,), (base,)) for s in others[task]]
    found, unpaired = _contrasts_by_task(wanted)
    by_method = {
        task: dict(zip((s.method for s in others[task]), of_task, strict=True))
        for task, of_task in holm_corrected(found).items()
    }
    return by_method, missing | unpaired


def _contrasts_by_task(
    wanted: Mapping[TableColumn, Sequence[Contrast]],
) -> tuple[dict[TableColumn, list[Difference]], dict[TableColumn, str]]:
    """The differences of each task, and of tasks whose scores cannot be paired, why."""
    found: dict[TableColumn, list[Difference]] = {}
    unpaired: dict[TableColumn, str] = {}
    for task, of_task in wanted.items():
        try:
            found[task] = contrasts(of_task)
        except UserError as error:
            unpaired[task] = str(error)
    return found, unpaired
