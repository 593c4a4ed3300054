"""Plan a walk from two methods and a recipe, every step checked on one batch of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from episodes.errors import EpisodeError
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import task_shape
from metaclr.errors import UserError
from metaclr.methods import Method
from metaclr.recipe import MethodEntry
from metaclr.results.store.walk import Measures, Stage, Walk, WalkRecord
from metaclr.walk.axis_changes import ORDER, changes_between, key
from metaclr.walk.chance_loss import loss_at_chance
from metaclr.walk.feasibility import Budget
from metaclr.walk.path import Path, find_path

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.recipe import CompareRecipe

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class WalkPlan:
    """One walk, or two in opposite orders; `chances` is the loss at chance of each method, by its settings."""

    paths: tuple[Path, ...]
    chances: Mapping[Settings, float]

    @cached_property
    def titles(self) -> dict[Settings, str]:
        """Titles of the methods in tables: the ends by name, steps by number and axis, `r` for the reverse order."""
        start, end = self.paths[0].start, self.paths[0].end
        first, last = start.name or "start", end.name or "end"
        titles = {key(start): first, key(end): last if last != first else f"{last} (end)"}
        for path, mark in zip(self.paths, ("", "r"), strict=False):
            for number, step in enumerate(path.steps, start=1):
                titles.setdefault(key(step.method), f"{mark}{number} {'+'.join(step.axes)}")
        return titles

    @cached_property
    def methods(self) -> dict[str, Method]:
        """Every method once, by title, in the order of the walk."""
        by_title = {self.titles[key(m)]: m for path in self.paths for m in path.methods}
        last = self.titles[key(self.paths[0].end)]
        ordered = {title: m for title, m in by_title.items() if title != last} | {last: by_title[last]}
        return {title: replace(m, name=m.name or title) for title, m in ordered.items()}

    def record(self, measures: Mapping[str, Measures] | None = None) -> WalkRecord:
        """The walk as the folder stores it."""
        first = self.paths[0]
        walks = tuple(
            Walk(name, tuple(Stage(self.titles[key(s.method)], s.changes, s.why) for s in path.steps))
            for path, name in zip(self.paths, ("forward", "reverse"), strict=False)
        )
        ends = (self.titles[key(first.start)], self.titles[key(first.end)])
        bare = {title: Measures(chance=self.chances[key(m)]) for title, m in self.methods.items()}
        return WalkRecord(*ends, walks, first.held, {**bare, **(measures or {})})


def budget_of(recipe: CompareRecipe) -> Budget:
    """The settings of the recipe that determine which methods can be trained."""
    return Budget(recipe.train.batch_views, recipe.views_mode == "per_method")


def prepare_walk(
    a: Method,
    b: Method,
    recipe: CompareRecipe,
    source: ImageSet,
    *,
    order: Sequence[str] = (),
    both_orders: bool = False,
) -> WalkPlan:
    """The walk from `a` to `b`, with the loss at chance of every step computed on one batch; nothing is trained.

    Args:
        order: the first axes to change (see `find_path`).
        both_orders: also walk the axes in the opposite order, as far as each step can be trained.

    Raises:
        UserError, EpisodeError: an end that cannot be trained on this source, a method off the bridge, an order
            that is not possible; in one line.
    """
    changes_between(a, b)  # refuses methods off the bridge, before anything is built
    chances: dict[Settings, float] = {}
    name = recipe.sources[0]

    def run_of(method: Method) -> Run:
        return Run(MethodEntry(name=method.name or "step"), method, name, 0)

    def adapts(method: Method) -> bool:
        return task_shape(run_of(method), recipe, source) != task_shape(run_of(method), recipe)

    def chance(method: Method) -> float:
        # Tasks of other ways would be a second difference between two steps, unless the ends have them too.
        if adapts(method) and not any(adapts(end) for end in (a, b)):
            shape = task_shape(run_of(method), recipe)
            raise UserError(f"source {name!r} is too small for tasks of {shape.way} ways of {shape.views} images")
        if key(method) not in chances:
            chances[key(method)] = loss_at_chance(run_of(method), recipe, source)
        return chances[key(method)]

    for end in (a, b):
        _check_labels(end, source, name)
        chance(end)
    budget = budget_of(recipe)
    forward = _checked_path(a, b, chance, budget, order, ORDER)
    paths: tuple[Path, ...] = (forward,)
    if both_orders:
        backward = [axis for step in reversed(forward.steps) for axis in step.axes]
        paths += (_checked_path(a, b, chance, budget, (), backward),)
    return WalkPlan(paths, chances)


def _checked_path(
    a: Method,
    b: Method,
    chance: Callable[[Method], float],
    budget: Budget,
    order: Sequence[str],
    prefer: Sequence[str],
) -> Path:
    """A path whose steps all ran on one batch; the search avoids a step that failed."""
    failures: dict[Settings, str] = {}

    def refuse(method: Method) -> str:
        return failures.get(key(method), "")

    while True:
        path = find_path(a, b, order=order, prefer=prefer, budget=budget, refuse=refuse)
        failed = {}
        for step in path.steps:
            try:
                chance(step.method)
            except (UserError, EpisodeError) as error:
                failed[key(step.method)] = str(error)
        if not failed:
            return path
        failures.update(failed)


def _check_labels(method: Method, source: ImageSet, name: str) -> None:
    if method.labels == "given" and source.labels is None:
        raise UserError(f"method {method.name!r} trains on labels, and source {name!r} has none")
