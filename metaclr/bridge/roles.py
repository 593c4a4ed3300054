"""Axis 2, roles: which views of a way are its support and which are its queries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from metaclr.errors import UserError

MAX_ROLE_ASSIGNMENTS = 70  # C(8, 4); beyond that the mean over all role permutations is no longer a training loss


@dataclass(frozen=True)
class RoleAssignment:
    """Query and support rows of a batch; each role permutation adds its own tasks to T."""

    query: Tensor
    """`(T, N, Q, D)`"""
    support: Tensor
    """`(T, N, K, D)`"""
    leave_one_out: bool = False
    """Whether queries and support are the same rows, so that a row must not support itself."""


@dataclass(frozen=True)
class Split:
    """The first K views of a way are its support, the others are queries: the episode of few-shot learning."""

    def __call__(self, queries: Tensor, support: Tensor, shot: int) -> RoleAssignment:
        check_views("split", queries.shape[2], shot)
        return RoleAssignment(queries[:, :, shot:], support[:, :, :shot])


@dataclass(frozen=True)
class Swap:
    """Mean over role permutations: one task for each choice of K support views (symmetric losses)."""

    def __call__(self, queries: Tensor, support: Tensor, shot: int) -> RoleAssignment:
        views = queries.shape[2]
        check_views("swap", views, shot)
        if comb(views, shot) > MAX_ROLE_ASSIGNMENTS:
            raise UserError(
                f"swap of {shot} support views among {views} has {comb(views, shot)} role assignments; use split"
            )
        chosen = [list(subset) for subset in combinations(range(views), shot)]
        queried = [[view for view in range(views) if view not in subset] for subset in chosen]
        return RoleAssignment(
            torch.cat([_views(queries, subset) for subset in queried]),
            torch.cat([_views(support, subset) for subset in chosen]),
        )


@dataclass(frozen=True)
class LeaveOneOut:
    """Every row is a query and all other rows are its support: the batch of contrastive learning."""

    def __call__(self, queries: Tensor, support: Tensor, shot: int) -> RoleAssignment:
        return RoleAssignment(queries, support, leave_one_out=True)


@dataclass(frozen=True)
class AmongQueries(LeaveOneOut):
    """As leave-one-out, without the support: all other query rows are the support of a query row (TABi)."""

    def __call__(self, queries: Tensor, support: Tensor, shot: int) -> RoleAssignment:
        check_views("among_queries", queries.shape[2], shot)
        return RoleAssignment(queries[:, :, shot:], support[:, :, shot:], leave_one_out=True)


def _views(rows: Tensor, chosen: list[int]) -> Tensor:
    """Some of the views of `(T, N, V, D)`. Indexing with a list would synchronize with the GPU."""
    return torch.stack([rows[:, :, view] for view in chosen], 2)


Roles = Split | Swap | LeaveOneOut

split = Split()
swap = Swap()
leave_one_out = LeaveOneOut()
among_queries = AmongQueries()


def check_views(roles: str, views: int, shot: int) -> None:
    """Refuse a batch whose ways have no view left for one of the two roles."""
    if not 1 <= shot < views:
        raise UserError(f"{roles} roles with shot = {shot} need at least {shot + 1} views of each way, got {views}")
