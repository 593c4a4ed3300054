"""What each axis of a walk is worth: paired differences between neighbouring steps on the same episodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import Summary, differences
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.walk import Walk, WalkRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class StepEffect:
    """Percent points gained by a step. `ci95` and `p` are over episodes, seeds averaged within each; `sd` and
    `seeds` are of the training seeds' own differences. p is Holm-corrected over the steps of a walk.
    """

    value: float
    ci95: float
    p: float
    sd: float | None
    seeds: tuple[float, ...]

    @property
    def seeds_agree(self) -> bool:
        """Whether all training seeds agree on the sign; True where there is one seed."""
        return all(v > 0 for v in self.seeds) or all(v < 0 for v in self.seeds)


def headline_column(summary: Summary) -> TableColumn:
    """The first target's few-shot task with the most ways and the fewest shots.

    Raises:
        UserError: no few-shot result at all.
    """
    few = [task for task in summary.tasks if task.family == "few-shot"]
    if not few:
        raise UserError("a walk is judged on few-shot episodes, and there are no such results")
    first = [task for task in few if task.target == few[0].target]
    return max(first, key=lambda t: (t.way or 0, -(t.shot or 0)))


def step_effect(summary: Summary, before: str, after: str, task: TableColumn) -> StepEffect | None:
    """One step's worth, without correction of p; None where one of the two has no result.

    Raises:
        UserError: the two were judged on different items.
    """
    from metaclr.evaluation.statistics import over_seeds

    pair = [summary.scores.get((title, task)) for title in (before, after)]
    if pair[0] is None or pair[1] is None:
        return None
    old, new = pair[0], pair[1]
    found = differences([old, new], before)[after]
    shared = [seed for seed in new.seeds if seed in old.seeds]
    own = tuple(new.values[new.seeds.index(s)] - old.values[old.seeds.index(s)] for s in shared)
    spread = over_seeds(own).sd if len(own) > 1 else None
    return StepEffect(found.value, found.ci95, found.p, spread, own)


def step_effects(summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> list[StepEffect | None]:
    """The worth of every step of a walk, p corrected over them."""
    from metaclr.evaluation.statistics import holm

    titles = walked.titles(walk)
    found = [step_effect(summary, before, after, task) for before, after in pairwise(titles)]
    known = [w for w in found if w is not None]
    corrected = iter(holm([w.p for w in known]))
    return [None if w is None else replace(w, p=next(corrected)) for w in found]


@dataclass(frozen=True)
class Interaction:
    """An axis that moved alone in both orders: its worth in each, and the paired difference of the two worths."""

    axis: str
    forward: StepEffect
    reverse: StepEffect
    value: float
    ci95: float
    p: float


def interactions(summary: Summary, walked: WalkRecord, task: TableColumn) -> list[Interaction]:
    """Of every axis that moved alone in two walks; p corrected over them. Empty for one walk."""
    from metaclr.evaluation.statistics import holm

    if len(walked.walks) < 2:
        return []
    pairs = [_moves(walked, walk) for walk in walked.walks[:2]]
    found = []
    for axis in (axis for axis in pairs[0] if axis in pairs[1]):
        one = _interaction(summary, axis, pairs[0][axis], pairs[1][axis], task)
        if one is not None:
            found.append(one)
    corrected = holm([one.p for one in found])
    return [replace(one, p=p) for one, p in zip(found, corrected, strict=True)]


def _moves(walked: WalkRecord, walk: Walk) -> dict[str, tuple[str, str]]:
    """axis -> (method before, method after), of the steps that moved one axis alone."""
    titles = walked.titles(walk)
    return {s.axis: (titles[i], s.method) for i, s in enumerate(walk.stages) if len(s.changes) == 1}


def _interaction(
    summary: Summary, axis: str, one: tuple[str, str], other: tuple[str, str], task: TableColumn
) -> Interaction | None:
    import torch

    from metaclr.evaluation.statistics import paired_difference

    forward, reverse = step_effect(summary, *one, task), step_effect(summary, *other, task)
    if forward is None or reverse is None:
        return None
    effects = [_per_item(summary.scores[b, task]) - _per_item(summary.scores[a, task]) for a, b in (one, other)]
    paired = paired_difference(torch.from_numpy(effects[0]), torch.from_numpy(effects[1]))
    return Interaction(axis, forward, reverse, paired.difference, paired.half, paired.p)


def _per_item(score: Score) -> NDArray[np.float64]:
    if score.items is None:
        raise UserError(f"no per-item results of {score.method}")
    mean: NDArray[np.float64] = score.items.mean(0)
    return mean
