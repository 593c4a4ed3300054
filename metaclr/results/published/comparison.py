"""Our scores beside published figures, cell by cell, with intervals and a verdict.

Both are about the same test classes, which a benchmark fixes, so that the interval of a few-shot score is the one over
other episodes of these classes, as papers print it, and not the wider one for new classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

from metaclr.results.published.figures import Cell, PublishedFigure
from metaclr.results.scores.contrast import Contrast, contrasts
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn

WITHOUT_INTERVAL = 0.5
"""Points that a published figure without an interval is taken to be uncertain by, over 1,000 episodes or so."""
MIN_SEEDS = 3
"""Training seeds from which on an interval holds new trainings."""


@dataclass(frozen=True)
class ComparedCell:
    """One cell: ours and theirs in percent (points for a difference), half-widths, seeds and items of ours.

    ours: None where the comparison has no such score, and `verdict` says so. ours_ci95: see `same_classes_ci95`.
    """

    method: str
    published_as: str
    cell: Cell
    ours: float | None
    ours_ci95: float | None
    theirs: float
    theirs_ci95: float | None
    seeds: int
    n_items: int
    source: str
    verdict: str


def compare_cells(
    summary: Summary, rows: Sequence[tuple[str, PublishedFigure]], *, reference: str, is_smoke: bool = False
) -> list[ComparedCell]:
    """Every cell of every published row beside our method of that title.

    Args:
        rows: title of our method, and the published row. reference: the method that differences are to.
        is_smoke: the training was none, so no verdict is given.
    """
    return [_compared(summary, title, row, cell, reference, is_smoke) for title, row in rows for cell in row.values]


def _compared(
    summary: Summary, title: str, row: PublishedFigure, cell: Cell, reference: str, is_smoke: bool
) -> ComparedCell:
    theirs, their_half = row.values[cell], row.ci95.get(cell)
    task = find_column(summary, title, cell)
    score = summary.scores.get((title, task)) if task is not None else None
    ours, half = (score.value, same_classes_ci95(score)) if score is not None else (None, None)
    if row.difference and score is not None and task is not None:
        base = summary.scores.get((reference, task))
        ours, half = _difference(score, base) if base is not None else (None, None)
    return ComparedCell(
        title,
        row.method,
        cell,
        ours,
        half,
        theirs,
        their_half,
        len(score.seeds) if score is not None else 0,
        score.n if score is not None else 0,
        row.source,
        "no result" if is_smoke else verdict(ours, half, theirs, their_half),
    )


def _difference(score: Score, base: Score) -> tuple[float, float | None]:
    found = contrasts([Contrast((score,), (base,))])[0]
    return found.value, found.ci95 if found.ci95_episodes is None else found.ci95_episodes


def same_classes_ci95(score: Score) -> float | None:
    """95 % half-width for the same test classes: over episodes, from three seeds on for new trainings too.

    Of scores over test images the interval that they have.
    """
    if score.ci95_episodes is None:
        return score.ci95
    training, seeds = 0.0, len(score.seeds)
    if seeds >= MIN_SEEDS and score.sd is not None:
        from metaclr.evaluation.statistics import student_quantile

        training = student_quantile(seeds - 1) * score.sd / sqrt(seeds)
    return hypot(score.ci95_episodes, training)


def without_counterpart(
    summary: Summary, titles: Sequence[str], cells: Sequence[Cell]
) -> list[tuple[str, Cell, Score]]:
    """Our scores of methods that stand beside no published row, on the cells that others have."""
    found = []
    for title in titles:
        for cell in dict.fromkeys(cells):
            task = find_column(summary, title, cell)
            if task is not None:
                found.append((title, cell, summary.scores[title, task]))
    return found


def find_column(summary: Summary, title: str, cell: Cell) -> TableColumn | None:
    """The column of a cell: by the method's own procedure where that was measured, else by cosine prototypes."""
    fitting = [
        task
        for task in summary.tasks
        if (title, task) in summary.scores
        and task.family == cell.evaluator
        and _same_task(task, cell)
        and (not cell.target or task.target.split(":")[0] == cell.target)
    ]
    return min(fitting, key=lambda task: ({"method": 0, "": 1}.get(task.variant, 2),), default=None)


def _same_task(task: TableColumn, cell: Cell) -> bool:
    if cell.way is None:
        return task.label_subset in ("", "all")
    return (task.way, task.shot) == (cell.way, cell.shot)


def verdict(ours: float | None, half: float | None, theirs: float, their_half: float | None) -> str:
    """ "reached", "above by 1.2" or "below by 3.4", against both half-widths added in squares.

    Where a published figure has no interval, `WITHOUT_INTERVAL` stands for it.
    """
    if ours is None:
        return "not measured"
    gap = ours - theirs
    room = ((half or 0.0) ** 2 + (WITHOUT_INTERVAL if their_half is None else their_half) ** 2) ** 0.5
    if abs(gap) <= room:
        return "reached"
    return f"above by {gap:.1f}" if gap > 0 else f"below by {-gap:.1f}"


def verdict_counts(cells: Sequence[ComparedCell]) -> Mapping[str, int]:
    """How many cells are reached, above, below, not measured, without a result."""
    counts = {"reached": 0, "above": 0, "below": 0, "not measured": 0, "no result": 0}
    for one in cells:
        counts[next(word for word in counts if one.verdict.startswith(word))] += 1
    return counts
