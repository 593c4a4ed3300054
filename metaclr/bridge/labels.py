"""Axis 1, labels: which rows share a class."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError


@dataclass(frozen=True)
class Instance:
    """Every way is its own class, whatever labels exist: self-supervision."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        return assignment, None


@dataclass(frozen=True)
class Given:
    """The ways carry the context's labels; without, every way is its own class."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        return assignment, assignment_labels(assignment, context)


@dataclass(frozen=True)
class Cluster(Given):
    """The ways carry clusters as labels: the engine clusters the embeddings of all images in the course of training."""


@dataclass(frozen=True)
class Typed(Given):
    """The ways carry the types of their classes (script, super-class): `Context.types`; without, their labels."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        kinds = context.labels if context.types is None else context.types
        return assignment, assignment_labels(assignment, replace(context, labels=kinds))


def assignment_labels(assignment: RoleAssignment, context: Context) -> Tensor | None:
    """The context's labels `(T, N)` repeated for every role permutation.

    Raises:
        UserError: labels of another shape than the ways.
    """
    if context.labels is None:
        return None
    tasks, ways = assignment.query.shape[:2]
    if context.labels.ndim != 2 or context.labels.shape[1] != ways or tasks % context.labels.shape[0]:
        raise UserError(f"labels {tuple(context.labels.shape)} do not fit {tasks} tasks of {ways} ways")
    return context.labels.repeat(tasks // context.labels.shape[0], 1)


instance = Instance()
given = Given()
cluster = Cluster()
typed = Typed()
