"""Barlow Twins: the cross-correlation of two views becomes the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, mean, view_pairs, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes

EPSILON = 1e-5  # of the batch norm without affine parameters in facebookresearch/barlowtwins


@dataclass(frozen=True)
class BarlowTwins(ObjectiveSpec):
    """Zbontar et al. 2021, arXiv:2103.03230. Their overall factor of 0.024 is for SGD's scale and left out."""

    formula: ClassVar[str] = r"\sum_i (1-C_{ii})^2 + \lambda \sum_{i \neq j} C_{ij}^2"
    off_diagonal: float = 0.0051  # lambda of facebookresearch/barlowtwins
    """Weight lambda of the squared correlations between different dimensions."""

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return BarlowTwinsLoss(self)


class BarlowTwinsLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss, mean over pairs of views."""

    def __init__(self, settings: BarlowTwins) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        views = [standardised(view) for view in views_of(embeddings, context)]
        return mean([self._pair(views[first], views[second]) for first, second in view_pairs(len(views))])

    def _pair(self, a: Tensor, b: Tensor) -> Tensor:
        correlation = a.T @ b / len(a)
        squared = correlation.square()
        off_diagonal = squared.sum() - squared.diagonal().sum()
        return (1 - correlation.diagonal()).square().sum() + self.settings.off_diagonal * off_diagonal


def standardised(rows: Tensor) -> Tensor:
    """Rows `(B, D)` with mean 0 and variance 1 in every dimension, as batch norm does it."""
    check_batch("Barlow Twins", len(rows), 2)
    variance, average = torch.var_mean(rows, 0, correction=0)
    return (rows - average) * (variance + EPSILON).rsqrt()
