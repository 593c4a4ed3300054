"""What a method is, in lines, and exactly how two methods differ."""

from __future__ import annotations

from dataclasses import fields

from metaclr.bridge.settings import shown
from metaclr.bridge.spec import ObjectiveSpec
from metaclr.methods.method import Method

FED = (
    "ways", "shot", "query", "way", "views", "support_views", "task_transform", "projector", "momentum", "learner",
    "trained",
)  # fmt: skip
"""What a method is fed with, besides the axes of its objective."""

EMPTY = {"views": "as compared", "support_views": "as views", "task_transform": "none"}


def settings(method: Method) -> dict[str, str]:
    """Every setting of a method, as it is shown, by the name of its axis: the objective's, then what it is fed."""
    objective = axes(method.objective)
    # Where the objective has a labels axis, Method.labels only repeats it.
    labels = {} if "labels" in objective else {"labels": method.labels}
    fed = {name: shown(getattr(method, name)) or EMPTY[name] for name in FED}
    return {**objective, **labels, **fed}


def axes(objective: ObjectiveSpec) -> dict[str, str]:
    """The fields of an objective, those of objectives inside it too; `objective` is its kind off the bridge."""
    kind = type(objective).__name__
    said = {} if kind == "Objective" else {"objective": kind}
    for field in fields(objective):
        value = getattr(objective, field.name)
        if isinstance(value, ObjectiveSpec):
            inner = axes(value)
            said["objective"] = f"{kind}({inner.pop('objective', 'Objective')})"
            said.update(inner)
        elif field.name == "terms":
            for place, (weight, term) in enumerate(value, 1):
                said[f"term {place}: weight"] = shown(weight)
                said.update({f"term {place}: {axis}": text for axis, text in axes(term).items()})
        else:
            said[field.name] = shown(value)
    return said


def differences(a: Method, b: Method) -> list[tuple[str, str, str]]:
    """`(axis, value in a, value in b)` wherever they differ; an axis that one does not have is "-"."""
    left, right = settings(a), settings(b)
    both = {axis: (left.get(axis, "-"), right.get(axis, "-")) for axis in {**left, **right}}
    return [(axis, mine, other) for axis, (mine, other) in both.items() if mine != other]


def lines(method: Method) -> list[str]:
    """Name, reference, formula and every setting, one a line."""
    said = settings(method)
    wide = max(len(axis) for axis in said)
    head = [f"{method.name or 'method'}: {method.summary}", f"reference: {method.reference}"]
    formula = [f"formula: {method.formula}"] if method.formula else []
    return head + formula + [f"  {axis:<{wide}}  {text}" for axis, text in said.items()]
