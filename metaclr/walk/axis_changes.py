"""The axes in which two methods of the bridge differ, and the method between them with some axes changed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Literal

from metaclr.bridge import Cluster, Objective
from metaclr.errors import UserError
from metaclr.methods import Method, get, names
from metaclr.methods.differences import differences, settings
from metaclr.results.store.walk import Change

ORDER = (
    "labels", "clusters", "way_type", "positives",
    "roles", "shot", "query", "way",
    "views", "support_views", "task_transform", "tricks",
    "tasks",
    "projector", "reconstruction", "momentum", "momentum_schedule",
    "head", "embedding",
    "temperature", "learn_temperature",
    "negatives",
    "denominator",
    "episode_head",
)  # fmt: skip
"""The default order in which axes change: the nine axes, each with the settings of the tasks that feed it.

The head comes before the embedding: raw dot products at the temperature of a cosine would not train.
"""

VIEWS = ("views", "support_views")
"""Settings that are read only where each method has its own view recipe."""

OF_OBJECTIVE = tuple(field.name for field in fields(Objective))


def check_end(method: Method) -> Objective:
    """The objective of a method on the bridge.

    Raises:
        UserError: a method whose loss has no axes to change, with the reason.
    """
    title = method.name or "method"
    if not method.trained:
        raise UserError(f"{title!r} is a control: it is not trained, so a walk cannot start or end there")
    if method.learner is not None:
        raise UserError(f"{title!r} is not on the bridge: it uses a custom learner, not an objective with axes")
    # A subclass computes another loss, which does not read all nine axes.
    if type(method.objective) is not Objective:
        kind = type(method.objective).__name__
        raise UserError(
            f"{title!r} is not on the bridge: its loss is {kind}, which has no axes to change one at a time; "
            f"methods on it: {', '.join(on_the_bridge())}"
        )
    return method.objective


def on_the_bridge() -> list[str]:
    """The shipped methods that are settings of the nine axes."""
    shipped = [get(name) for name in names()]
    return [method.name for method in shipped if type(method.objective) is Objective and method.learner is None]


def changes_between(a: Method, b: Method) -> dict[str, Change]:
    """Every axis in which two methods of the bridge differ, in `ORDER`.

    Raises:
        UserError: a method that is not on the bridge.
    """
    for end in (a, b):
        check_end(end)
    changes = {axis: Change(axis, before, after) for axis, before, after in differences(a, b)}
    return {axis: changes[axis] for axis in sorted(changes, key=ORDER.index)}


def between(a: Method, b: Method, moved: AbstractSet[str]) -> Method:
    """Method `a` with the axes in `moved` set as in `b`; `a` or `b` itself where the settings are theirs.

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
    rest = {axis: getattr((b if axis in moved else a), axis) for axis in ORDER if axis not in OF_OBJECTIVE}
    # Choosing ways by class uses labels, whether or not the loss reads them.
    uses_labels = objective.needs_labels or rest["way_type"] == "classes"
    reads_clusters = isinstance(objective.labels, Cluster) or (rest["clusters"] and not objective.needs_labels)
    kind: Literal["cluster", "given"] = "cluster" if reads_clusters else "given"
    if uses_labels and kind == "given" and "given" not in (a.labels, b.labels):
        raise UserError("classes as ways need labels, and neither end of the walk is given any")
    listed = ", ".join(f"{axis} = {axes[axis].after}" for axis in axes if axis in moved)
    return Method(
        summary=f"{a.name or 'start'} with {listed}",
        reference="",
        objective=objective,
        labels=kind if uses_labels else "instance",
        **rest,
    )


def key(method: Method) -> tuple[tuple[str, str], ...]:
    """All settings of a method, as a key: two methods with equal keys are the same."""
    return tuple(settings(method).items())
