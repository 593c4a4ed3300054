"""VICReg: invariance of views, variance of every dimension, no covariance between dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, mean, view_pairs, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes

EPSILON = 1e-4  # inside the root of the variance, as in facebookresearch/vicreg


@dataclass(frozen=True)
class VICReg(ObjectiveSpec):
    """Bardes et al. 2022, arXiv:2105.04906; weights and normalization as in facebookresearch/vicreg."""

    formula: ClassVar[str] = (
        r"\lambda\,MSE(z,z') + \mu \tfrac1D \sum_d \max(0, 1-\sqrt{Var_d+\epsilon})"
        r" + \nu \tfrac1D \sum_{i \neq j} Cov_{ij}^2"
    )
    invariance: float = 25.0
    """Weight lambda of the mean squared distance between the two views."""
    variance: float = 25.0
    """Weight mu of the hinge that keeps each dimension's standard deviation at 1 or more."""
    covariance: float = 1.0
    """Weight nu of the squared covariances between dimensions."""

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return VICRegLoss(self)


class VICRegLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss; with more than two views, the mean over pairs of them."""

    def __init__(self, settings: VICReg) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        settings, views = self.settings, views_of(embeddings, context)
        check_batch("VICReg", len(views[0]), 2)
        together = mean([(views[a] - views[b]).square().mean() for a, b in view_pairs(len(views))])
        spread = mean([(1 - (view.var(0) + EPSILON).sqrt()).relu().mean() for view in views])
        mixed = 2 * mean([off_diagonal_covariance(view) for view in views])  # summed over the two views
        return settings.invariance * together + settings.variance * spread + settings.covariance * mixed


def off_diagonal_covariance(rows: Tensor) -> Tensor:
    """Sum of the squared covariances between different dimensions of rows `(B, D)`, over D."""
    centered = rows - rows.mean(0)
    squared = (centered.T @ centered / (len(rows) - 1)).square()
    off_diagonal: Tensor = (squared.sum() - squared.diagonal().sum()) / rows.shape[1]
    return off_diagonal
