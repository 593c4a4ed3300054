"""Axis 6, the ridge head: classes are regressed on the support in closed form (R2D2, Bertinetto et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError


@dataclass(frozen=True)
class Ridge:
    """Logits `Q W` with `W = (S^T S + lambda I)^{-1} S^T Y`, times the scale, which is best learned.

    Ridge predictions are at most 1, so that a cross-entropy at temperature 1 cannot fall: learn the temperature
    or set it to 0.1 or less.
    """

    fits_classifier: ClassVar[bool] = True
    regularizer: float = 1.0
    intercept: bool = False
    """Append a 1 to every support and query row, so that each class has a regularized intercept (bertinetto/r2d2)."""

    def __post_init__(self) -> None:
        if not self.regularizer > 0:
            raise UserError(f"head.regularizer = {self.regularizer} must be above 0")

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a ridge head")
        query, support = assignment.query.flatten(1, 2), assignment.support
        if self.intercept:
            query, support = with_ones(query), with_ones(support)
        return class_logits(ridge_scores(query, support, self.regularizer) * scale, assignment.query.shape[2])


def with_ones(rows: Tensor) -> Tensor:
    """Rows `(..., D)` with a column of ones, `(..., D + 1)`."""
    return torch.cat([rows, rows.new_ones(*rows.shape[:-1], 1)], -1)


def ridge_scores(query: Tensor, support: Tensor, regularizer: float) -> Tensor:
    """Predictions `(T, R, N)` for queries `(T, R, D)` from support `(T, N, K, D)`; whichever form is smaller."""
    ways, shots, dims = support.shape[1:]
    form = dual_scores if ways * shots <= dims else primal_scores
    return form(query, support, regularizer)


def dual_scores(query: Tensor, support: Tensor, regularizer: float) -> Tensor:
    """By the Gram matrix of the support rows: one solve of size N K."""
    ways, shots = support.shape[1:3]
    rows = support.flatten(1, 2)
    gram = rows @ rows.mT + regularizer * torch.eye(ways * shots, dtype=rows.dtype, device=rows.device)
    targets = torch.eye(ways, dtype=rows.dtype, device=rows.device).repeat_interleave(shots, 0)
    return (query @ rows.mT) @ _solve(gram, targets.expand(len(rows), -1, -1))


def primal_scores(query: Tensor, support: Tensor, regularizer: float) -> Tensor:
    """By the covariance of the dimensions: one solve of size D."""
    rows, dims = support.flatten(1, 2), support.shape[-1]
    covariance = rows.mT @ rows + regularizer * torch.eye(dims, dtype=rows.dtype, device=rows.device)
    return query @ _solve(covariance, support.sum(2).mT)


def _solve(positive_definite: Tensor, right: Tensor) -> Tensor:
    """By Cholesky without the check that would wait for the device; the regularizer makes it succeed."""
    return torch.cholesky_solve(right, torch.linalg.cholesky_ex(positive_definite).L)
