"""Axis 1, labels: which rows are of one class."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError


@dataclass(frozen=True)
class Instance:
    """Every way is a class of its own, whatever labels there are: the labels of self-supervision."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        return assignment, None


@dataclass(frozen=True)
class Given:
    """The ways carry the labels of the context (annotated classes, or clusters); None: each way its own."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        return assignment, assignment_labels(assignment, context)


def assignment_labels(assignment: RoleAssignment, context: Context) -> Tensor | None:
    """The context's labels `(T, N)` for every task of a turn, whose role permutations are tasks too.

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
