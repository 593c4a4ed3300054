"""Linear discriminant analysis with a shrunk shared covariance, fitted to the support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier


@dataclass(frozen=True)
class LDA:
    """As scikit-learn's LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage): one Gaussian per way.

    The shared covariance is (1 - shrinkage) S + shrinkage tr(S) / D I, S the covariance within ways. With one shot S is
    0 and the identity takes its place: the nearest prototype by squared Euclidean distance.

    Raises:
        UserError: a shrinkage that is not in (0, 1].
    """

    iterative: ClassVar[bool] = True
    shrinkage: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage <= 1:
            raise UserError(f"LDA shrinkage = {self.shrinkage} must lie above 0 and up to 1")

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way."""
        way, shot, dims = support.shape[1:]
        means = support.mean(2)
        rows = (support - means.unsqueeze(2)).flatten(1, 2)
        trace = rows.square().sum((1, 2)) / (way * shot)
        spread = torch.where(trace > 0, self.shrinkage * trace / dims, 1).view(-1, 1, 1)
        inverse_means = _solve_shifted(rows, (1 - self.shrinkage) / (way * shot), spread, means)
        return LinearClassifier(inverse_means, -(inverse_means * means).sum(-1) / 2, way)


def _solve_shifted(rows: Tensor, factor: float, shift: Tensor, right: Tensor) -> Tensor:
    """`(shift I + factor A^T A)^{-1} right` for A = rows (E, n, D), right (E, N, D), shift (E, 1, 1).

    By the matrix inversion lemma: one solve of size n instead of D, if n is smaller.
    """
    if rows.shape[1] >= rows.shape[2]:
        matrix = factor * (rows.mT @ rows) + shift * torch.eye(rows.shape[2], dtype=rows.dtype, device=rows.device)
        return torch.cholesky_solve(right.mT, torch.linalg.cholesky_ex(matrix).L).mT
    eye = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    inner = factor * (rows @ rows.mT) + shift * eye
    part = torch.cholesky_solve(factor * (rows @ right.mT), torch.linalg.cholesky_ex(inner).L)
    return (right - part.mT @ rows) / shift
