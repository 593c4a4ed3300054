"""What lies between two methods of the bridge: the axes that differ, and the method with some of them moved."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import fields

from metaclr.bridge import Objective
from metaclr.errors import UserError
from metaclr.methods import Method, get, names
from metaclr.methods.differences import differences, settings
from metaclr.results.store.walk import Change

ORDER = (
    "labels", "way_type",
    "roles", "shot", "query", "way",
    "views", "support_views", "task_transform",
    "tasks",
    "projector", "momentum",
    "head", "embedding",
    "temperature", "learn_temperature",
    "negatives",
    "denominator",
)  # fmt: skip
"""The order in which axes move where nothing else is asked for: the nine axes, each with what feeds it.

The head comes before the embedding, since raw dot products at the temperature of a cosine are no fair step.
"""

VIEWS = ("views", "support_views")
"""Settings that are read only where each method has its own view recipe."""

OF_OBJECTIVE = tuple(field.name for field in fields(Objective))


def check_end(method: Method) -> Objective:
    """The point of the bridge that a method is.

    Raises:
        UserError: a method whose loss has no axes to move, with the reason.
    """
    title = method.name or "method"
    if not method.trained:
        raise UserError(f"{title!r} is a control: it is not trained, so there is nothing to walk")
    if method.learner is not None:
        raise UserError(f"{title!r} is not on the bridge: it has a learner of its own, no objective with axes")
    # A subclass has a loss of its own, which moving the nine axes would not reach.
    if type(method.objective) is not Objective:
        kind = type(method.objective).__name__
        raise UserError(
            f"{title!r} is not on the bridge: its loss is {kind}, which has no axes to move one at a time; "
            f"methods on it: {', '.join(on_the_bridge())}"
        )
    return method.objective


def on_the_bridge() -> list[str]:
    """The shipped methods that are settings of the nine axes."""
    found = [get(name) for name in names()]
    return [method.name for method in found if type(method.objective) is Objective and method.learner is None]


def changes_between(a: Method, b: Method) -> dict[str, Change]:
    """Every axis in which two methods of the bridge differ, in `ORDER`.

    Raises:
        UserError: a method that is not on the bridge.
    """
    for end in (a, b):
        check_end(end)
    found = {axis: Change(axis, before, after) for axis, before, after in differences(a, b)}
    return {axis: found[axis] for axis in sorted(found, key=ORDER.index)}


def between(a: Method, b: Method, moved: AbstractSet[str]) -> Method:
    """Method `a` with the axes in `moved` as `b` has them; `a` or `b` itself where that is what it is.

    Raises:
        UserError: an illegal combination, with the reason (see `metaclr.bridge.compatibility`).
    """
    axes = changes_between(a, b)
    if not moved & axes.keys():
        return a
    if axes.keys() <= moved:
        return b
    parts = {name: getattr((b if name in moved else a).objective, name) for name in OF_OBJECTIVE}
    objective = Objective(**parts)
    fed = {axis: getattr((b if axis in moved else a), axis) for axis in ORDER if axis not in OF_OBJECTIVE}
    # Whoever chooses ways by class sees labels, whether or not the loss reads them.
    sees = objective.needs_labels or fed["way_type"] == "classes"
    listed = ", ".join(f"{axis} = {axes[axis].after}" for axis in axes if axis in moved)
    return Method(
        summary=f"{a.name or 'start'} with {listed}",
        reference="",
        objective=objective,
        labels="given" if sees else "instance",
        **fed,
    )


def key(method: Method) -> tuple[tuple[str, str], ...]:
    """All settings of a method, to tell whether two are the same."""
    return tuple(settings(method).items())
