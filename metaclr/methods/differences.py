"""What a method is, in lines, and exactly how two methods differ."""

from __future__ import annotations

from dataclasses import fields

from metaclr.bridge.settings import format_setting
from metaclr.bridge.spec import ObjectiveSpec
from metaclr.methods.method import Method

FED = (
    "way_type", "clusters", "shot", "query", "way", "views", "support_views", "task_transform", "tricks",
    "projector", "reconstruction", "momentum", "learner", "momentum_schedule", "episode_head", "trained",
    "positives",
)  # fmt: skip
"""What a method is fed with, besides the axes of its objective."""

EMPTY = {
    "views": "as compared",
    "support_views": "as views",
    "task_transform": "none",
    "episode_head": "the objective's",
}

NOTATION = (
    "TeX, per query: q query, s support, k other rows, mu prototype, z embedding, + the query's own, tau temperature"
)

WORDS = {
    ("objective", "NoObjective"): "no loss on embeddings",
    ("way", "None"): "as many as a batch has room for",
    ("clusters", "None"): "none",
    ("momentum", "None"): "no target network",
    ("learner", "None"): "the engine's",
    ("trained", "True"): "yes",
    ("trained", "False"): "no",
}
"""A reader's words for settings whose plain value says too little."""


def settings(method: Method) -> dict[str, str]:
    """Every setting of a method by the name of its axis: the objective's, a learner's own, then what it is fed.

    These are the plain values, which identify a comparison's runs; `worded` formats them for readers.
    """
    objective = axes(method.objective)
    # Where the objective has a labels axis, Method.labels only repeats it.
    labels = {} if "labels" in objective else {"labels": method.labels}
    # Elsewhere, `defaults` only repeats the objective.
    learned = {name: format_setting(value) for name, value in method.defaults.items()} if method.learner else {}
    # Only where it is set, so that the identity of other runs does not change.
    given = [name for name in FED if name != "positives" or method.positives is not None]
    fed = {name: format_setting(getattr(method, name)) or EMPTY[name] for name in given}
    encoder = {"encoder": method.encoder} if method.encoder else {}
    return {**objective, **learned, **labels, **fed, **encoder}


def worded(axis: str, value: str) -> str:
    """A setting's value in a reader's words."""
    return WORDS.get((axis, value), value)


def axes(objective: ObjectiveSpec) -> dict[str, str]:
    """The fields of an objective, those of objectives inside it too; `objective` is its kind off the bridge."""
    kind = type(objective).__name__
    values = {} if kind == "Objective" else {"objective": kind}
    for field in fields(objective):
        value = getattr(objective, field.name)
        if isinstance(value, ObjectiveSpec):
            inner = axes(value)
            values["objective"] = f"{kind}({inner.pop('objective', 'Objective')})"
            values.update(inner)
        elif field.name == "terms":
            for place, (weight, term) in enumerate(value, 1):
                values[f"term {place}: weight"] = format_setting(weight)
                values.update({f"term {place}: {axis}": text for axis, text in axes(term).items()})
        else:
            values[field.name] = format_setting(value)
    return values


def differences(a: Method, b: Method) -> list[tuple[str, str, str]]:
    """`(axis, value in a, value in b)` wherever they differ; an axis that one does not have is "-"."""
    left, right = settings(a), settings(b)
    both = {axis: (left.get(axis, "-"), right.get(axis, "-")) for axis in {**left, **right}}
    return [(axis, worded(axis, mine), worded(axis, other)) for axis, (mine, other) in both.items() if mine != other]


def lines(method: Method) -> list[str]:
    """Name, reference, formula, whether it trains on labels, and every setting, one a line."""
    values = settings(method)
    wide = max(len(axis) for axis in values)
    head = [f"{method.name or 'method'}: {method.summary}", f"reference: {method.reference}"]
    formula = [f"formula: {method.formula}", f"  ({NOTATION})"] if method.formula else []
    listed = [f"  {axis:<{wide}}  {worded(axis, text)}" for axis, text in values.items()]
    fed = list(values).index(FED[0])
    return [*head, *formula, labels_line(method), "objective", *listed[:fed], "training tasks", *listed[fed:]]


def labels_line(method: Method) -> str:
    """Whether the method trains on labels, as a line."""
    if not method.trained:
        return "labels: none; it is not trained"
    if method.labels == "given":
        return "labels: given; it trains on the labels of the data set"
    if method.labels == "cluster":
        return "labels: none; it trains on clusters of its own embeddings"
    return "labels: none; it trains without labels"
