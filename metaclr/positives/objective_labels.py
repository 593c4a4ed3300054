"""The labels axis of an objective, wherever it is nested: replaced by the one that fits a source of positives."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from metaclr.bridge import Cluster, Given, NearestNeighbors, QueuePseudoLabels, instance
from metaclr.errors import UserError

if TYPE_CHECKING:
    from metaclr.bridge.spec import ObjectiveSpec
    from metaclr.methods.method import Method


def with_axis(objective: Any, kind: type, axis: object, *, name: str = "") -> Any:
    """The objective with every label axis of exactly this `kind` replaced by `axis`; None if it has none.

    name: replaces the word `name` of objectives whose labels are a word ("given") by the class name of `axis`.
    """
    if isinstance(objective, tuple):
        found = [with_axis(item, kind, axis, name=name) for item in objective]
        if all(one is None for one in found):
            return None
        return tuple(old if new is None else new for new, old in zip(found, objective, strict=True))
    if not is_dataclass(objective) or isinstance(objective, type):
        return None
    changes: dict[str, Any] = {}
    for field in fields(objective):
        value = getattr(objective, field.name)
        if field.name == "labels" and type(value) is kind:
            changes["labels"] = axis
        elif field.name == "labels" and name and value == name:
            changes["labels"] = type(axis).__name__.lower()
        elif (inner := with_axis(value, kind, axis, name=name)) is not None:
            changes[field.name] = inner
    return replace(objective, **changes) if changes else None


def without_labels(method: Method, source: str) -> ObjectiveSpec:
    """The objective of a method when every way is a class of its own.

    Raises:
        UserError: one that reads labels for more than which rows share a way, or that chooses its own positives.
    """
    check_axis(method, source)
    objective: ObjectiveSpec = with_axis(method.objective, Given, instance, name="given") or method.objective
    objective = with_axis(objective, Cluster, instance) or objective
    if objective.needs_labels:
        raise UserError(
            f"{method.name or 'method'}.positives = {source!r}: its objective needs classes that several ways share, "
            "and each way is a class of its own here; use positives = 'label' or 'group'"
        )
    return objective


def of_instances(method: Method, source: str) -> Method:
    """The method with images as its ways, each a class of its own.

    Raises:
        UserError: see `without_labels`.
    """
    objective = without_labels(method, source)
    return replace(method, way_type="instances", labels="instance", clusters=None, objective=objective)


def check_axis(method: Method, source: str) -> None:
    """Refuse a method that is not trained, or whose objective chooses its own positives.

    Raises:
        UserError: the reason.
    """
    title = method.name or "method"
    if not method.trained:
        raise UserError(f"{title}.positives = {source!r}: it is not trained, so it has no positives")
    for kind in (QueuePseudoLabels, NearestNeighbors):
        if with_axis(method.objective, kind, instance) is not None:
            raise UserError(
                f"{title}.positives = {source!r}: its objective takes its positives from a queue of past embeddings "
                f"(labels = {kind.__name__}); see metaclr methods show {title}"
            )
