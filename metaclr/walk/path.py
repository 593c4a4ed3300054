"""The steps from one method to another: one axis at a time, each step a method that can be trained.

Pure: nothing is loaded, built or trained. Where no order of single axes is possible, the smallest possible groups of
axes change together, and the step gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from metaclr.errors import UserError, unknown
from metaclr.methods import Method
from metaclr.results.store.walk import Change
from metaclr.walk.axis_changes import ORDER, VIEWS, between, changes_between
from metaclr.walk.feasibility import Budget
from metaclr.walk.feasibility import infeasible_reason as pure_refusal

Groups = list[tuple[str, ...]]
Refuses = Callable[[frozenset[str]], str]


@dataclass(frozen=True)
class Step:
    """One step of a walk: the changes from the step before, and the resulting method."""

    changes: tuple[Change, ...]
    method: Method
    why: str = ""
    """Why several axes change together; empty for one axis."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes that change."""
        return tuple(change.axis for change in self.changes)


@dataclass(frozen=True)
class Path:
    """From `start` to the method of the last step. `held`: settings that differ but are not read under this budget."""

    start: Method
    steps: tuple[Step, ...]
    held: tuple[Change, ...] = ()

    @property
    def end(self) -> Method:
        """The last method."""
        return self.steps[-1].method

    @property
    def methods(self) -> tuple[Method, ...]:
        """Start, every step, end."""
        return (self.start, *(step.method for step in self.steps))


def find_path(
    a: Method,
    b: Method,
    *,
    order: Sequence[str] = (),
    prefer: Sequence[str] = ORDER,
    budget: Budget | None = None,
    refuse: Callable[[Method], str] | None = None,
) -> Path:
    """The walk from `a` to `b`.

    Args:
        order: the first axes to change, in this order; `"shot+query"` changes two together. The rest follow.
        prefer: the order of the rest, as far as each step can be trained.
        budget: what the comparison fixes; view recipes are axes only with `per_method_views`.
        refuse: returns a further reason why a method cannot be trained, or "".

    Raises:
        UserError: a method off the bridge, no difference, an order that names what does not differ, or an order
            with a step that cannot be trained (with the reason).
    """
    budget = budget or Budget()
    changes = changes_between(a, b)
    held = () if budget.per_method_views else tuple(changes[axis] for axis in VIEWS if axis in changes)
    axes = [axis for axis in prefer if axis in changes and changes[axis] not in held]
    if not axes:
        also = " but for their views, which all steps share (use --views-mode per-method)" if held else ""
        raise UserError(f"{a.name or 'start'} and {b.name or 'end'} have the same settings{also}: nothing to walk")
    unread = frozenset(change.axis for change in held)

    def at(moved: AbstractSet[str]) -> Method:
        # Settings that are not read change in the last step, so that the walk ends at exactly `b`.
        return between(a, b, moved | unread if moved >= set(axes) else moved)

    @cache
    def infeasible_reason(moved: frozenset[str]) -> str:
        if moved >= set(axes):
            return ""  # the ends are taken as given
        try:
            method = at(moved)
        except UserError as error:
            return str(error)
        return pure_refusal(method, budget) or (refuse(method) if refuse else "")

    first = _given(order, axes, changes, unread, infeasible_reason, (a, b))
    groups = _order(first, axes, infeasible_reason)
    return Path(a, tuple(_steps(groups, changes, at, infeasible_reason)), held)


def _steps(
    groups: Groups, changes: dict[str, Change], at: Callable[[AbstractSet[str]], Method], infeasible_reason: Refuses
) -> Iterator[Step]:
    moved: frozenset[str] = frozenset()
    for group in groups:
        reasons: dict[str, list[str]] = {}
        for axis in group if len(group) > 1 else ():
            if reason := infeasible_reason(moved | {axis}):
                reasons.setdefault(reason, []).append(axis)
        moved |= set(group)
        alone = "; ".join(f"{' or '.join(names)} alone: {reason}" for reason, names in reasons.items())
        why = "" if len(group) == 1 else alone or "grouped in the given order"
        yield Step(tuple(changes[axis] for axis in group), at(moved), why)


def _given(
    order: Sequence[str],
    axes: Sequence[str],
    changes: dict[str, Change],
    unread: frozenset[str],
    infeasible_reason: Refuses,
    ends: tuple[Method, Method],
) -> Groups:
    """The given order, as groups.

    Raises:
        UserError: an unknown axis, one that does not differ or occurs twice, or a step that cannot be trained.
    """
    groups = [tuple(part.strip() for part in item.split("+")) for item in order]
    named = [axis for group in groups for axis in group]
    for axis in named:
        if axis not in ORDER:
            raise unknown("axis", axis, ORDER)
        if axis in unread:
            raise UserError(f"order: {axis} is the same for all steps; use --views-mode per-method to make it an axis")
        if axis not in changes:
            same = f"{ends[0].name or 'start'} and {ends[1].name or 'end'}"
            raise UserError(f"order: {same} do not differ in {axis}; they differ in {', '.join(axes)}")
        if named.count(axis) > 1:
            raise UserError(f"order names {axis!r} twice; remove one")
    moved: frozenset[str] = frozenset()
    for group in groups:
        before = moved
        moved |= set(group)
        if reason := infeasible_reason(moved):
            after = f" after {', '.join(sorted(before, key=named.index))}" if before else " first"
            raise UserError(f"order: {' + '.join(group)}{after} cannot be trained: {reason}")
    return groups


def _order(first: Groups, axes: Sequence[str], infeasible_reason: Refuses) -> Groups:
    """The first groups and then all other axes, with as few as possible changing together."""
    start = frozenset(axis for group in first for axis in group)
    for merges in range(len(axes)):
        rest = _descend(start, merges, axes, infeasible_reason, set())
        if rest is not None:
            return first + rest
    raise AssertionError("all axes changing together is always a walk")


def _descend(
    moved: frozenset[str],
    merges: int,
    axes: Sequence[str],
    infeasible_reason: Refuses,
    dead: set[tuple[frozenset[str], int]],
) -> Groups | None:
    """Depth-first search in the preferred order; `merges` is how many axes may change together with another one."""
    left = [axis for axis in axes if axis not in moved]
    if not left:
        return []
    if (moved, merges) in dead:
        return None
    for group in _groups(left, merges):
        after = moved | set(group)
        if not infeasible_reason(after):
            rest = _descend(after, merges - len(group) + 1, axes, infeasible_reason, dead)
            if rest is not None:
                return [group, *rest]
    dead.add((moved, merges))
    return None


def _groups(left: Sequence[str], merges: int) -> Iterator[tuple[str, ...]]:
    """Each axis alone, then together with axes that come after it."""
    for place, axis in enumerate(left):
        for others in range(min(merges, len(left) - place - 1) + 1):
            for more in combinations(left[place + 1 :], others):
                yield (axis, *more)
