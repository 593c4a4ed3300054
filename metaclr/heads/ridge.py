"""Ridge: one-hot labels regressed on the support in closed form (R2-D2; Bertinetto et al. 2019, arXiv:1805.08136)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier


@dataclass(frozen=True)
class Ridge:
    """Logits `Q W` with `W = (S^T S + regularizer I)^{-1} S^T Y`; they are at most about 1, so training scales them.

    Raises:
        UserError: a regularizer that is not above 0.
    """

    iterative: ClassVar[bool] = True
    regularizer: float = 1.0
    intercept: bool = False
    """Append a 1 to every row, so that each class has a regularized intercept (bertinetto/r2d2)."""

    def __post_init__(self) -> None:
        if not self.regularizer > 0:
            raise UserError(f"ridge regularizer = {self.regularizer} must be above 0")

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way."""
        if not self.intercept:
            return LinearClassifier(ridge_weights(support, self.regularizer), None, support.shape[1])
        ones = support.new_ones(*support.shape[:-1], 1)
        weight = ridge_weights(torch.cat([support, ones], -1), self.regularizer)
        return LinearClassifier(weight[..., :-1], weight[..., -1], support.shape[1])


def ridge_weights(support: Tensor, regularizer: float) -> Tensor:
    """Weights (E, N, D) of support (E, N, K, D), by whichever form solves the smaller system."""
    ways, shots, dims = support.shape[1:]
    form = dual_weights if ways * shots <= dims else primal_weights
    return form(support, regularizer)


def dual_weights(support: Tensor, regularizer: float) -> Tensor:
    """By the Gram matrix of the support rows: one solve of size N K."""
    ways, shots = support.shape[1:3]
    rows = support.flatten(1, 2)
    gram = _add_to_diagonal(rows @ rows.mT, regularizer)
    targets = torch.eye(ways, dtype=rows.dtype, device=rows.device).repeat_interleave(shots, 0)
    return _solve(gram, targets.expand(len(rows), -1, -1)).mT @ rows


def primal_weights(support: Tensor, regularizer: float) -> Tensor:
    """By the covariance of the dimensions: one solve of size D."""
    rows = support.flatten(1, 2)
    return _solve(_add_to_diagonal(rows.mT @ rows, regularizer), support.sum(2).mT).mT


def _add_to_diagonal(matrix: Tensor, value: float) -> Tensor:
    return matrix + value * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def _solve(positive_definite: Tensor, right: Tensor) -> Tensor:
    """By Cholesky without the check that would synchronize with the device; the regularizer makes it succeed."""
    return torch.cholesky_solve(right, torch.linalg.cholesky_ex(positive_definite).L)
