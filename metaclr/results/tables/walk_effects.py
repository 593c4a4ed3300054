"""Effects of the axes of a walk: paired differences between neighbouring steps on the same episodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from metaclr.errors import UserError
from metaclr.results.scores.contrast import Contrast, Difference, contrasts
from metaclr.results.scores.families import family, holm_corrected
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.walk import Walk, WalkRecord


def headline_column(summary: Summary) -> TableColumn:
    """The first target's few-shot task with the most ways and the fewest shots.

    Raises:
        UserError: no few-shot result at all.
    """
    few = [task for task in summary.tasks if task.family == "few-shot"]
    if not few:
        raise UserError("a walk needs few-shot results, and the folder has none; run it with evaluate.few_shot")
    first = [task for task in few if task.target == few[0].target]
    return max(first, key=lambda t: (t.way or 0, -(t.shot or 0)))


def step_effect(summary: Summary, before: str, after: str, task: TableColumn) -> Difference | None:
    """Percent points gained by one step, without correction of p; None where one of the two has no result.

    Raises:
        UserError: the two cannot be paired (see `contrasts`).
    """
    return _effects(summary, [(before, after)], task)[0]


def step_effects(summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> list[Difference | None]:
    """The effect of every step of a walk, p corrected over the steps on all few-shot columns of the target."""
    steps = list(pairwise(walked.titles(walk)))
    found = {t: _effects(summary, steps, t) for t in summary.tasks if family(t) == family(task)}
    corrected = holm_corrected({t: [d for d in of_task if d is not None] for t, of_task in found.items()})
    known = iter(corrected[task])
    return [None if d is None else next(known) for d in found[task]]


def _effects(summary: Summary, steps: list[tuple[str, str]], task: TableColumn) -> list[Difference | None]:
    """The effect of steps (before, after), p not corrected."""
    pairs = [(summary.scores.get((after, task)), summary.scores.get((before, task))) for before, after in steps]
    known = iter(contrasts([Contrast((new,), (old,)) for new, old in pairs if new is not None and old is not None]))
    return [None if new is None or old is None else next(known) for new, old in pairs]


@dataclass(frozen=True)
class Interaction:
    """An axis that moved alone in both orders: its effect in each, and the paired difference of the two effects."""

    axis: str
    forward: Difference
    reverse: Difference
    difference: Difference


def interactions(summary: Summary, walked: WalkRecord, task: TableColumn) -> list[Interaction]:
    """Of every axis that moved alone in two walks; p corrected over them. Empty for one walk."""
    if len(walked.walks) < 2:
        return []
    forward, reverse = (_moves(walked, walk) for walk in walked.walks[:2])
    found = []
    for axis in (axis for axis in forward if axis in reverse):
        effects = _effects(summary, [forward[axis], reverse[axis]], task)
        if effects[0] is not None and effects[1] is not None:
            (before, after), (other_before, other_after) = (
                (summary.scores[a, task], summary.scores[b, task]) for a, b in (forward[axis], reverse[axis])
            )
            (difference,) = contrasts([Contrast((after, other_before), (before, other_after))])
            found.append(Interaction(axis, effects[0], effects[1], difference))
    corrected = holm_corrected({task: [one.difference for one in found]})
    return [replace(one, difference=d) for one, d in zip(found, corrected[task], strict=True)]


def _moves(walked: WalkRecord, walk: Walk) -> dict[str, tuple[str, str]]:
    """axis -> (method before, method after), of the steps that moved one axis alone."""
    titles = walked.titles(walk)
    return {s.axis: (titles[i], s.method) for i, s in enumerate(walk.stages) if len(s.changes) == 1}
