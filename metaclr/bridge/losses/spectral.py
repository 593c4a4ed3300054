"""Spectral contrastive loss: the factorisation of the graph whose edges are pairs of views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, mean, view_pairs, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Spectral(ObjectiveSpec):
    """HaoChen et al. 2021, arXiv:2106.04156; the norm is clipped as in jhaochenz96/spectral_contrastive_learning."""

    formula: ClassVar[str] = r"-2 E[z^\top z^+] + E[(z^\top z')^2]"
    radius: float = 1.0
    """Embeddings outside the ball of this squared radius (mu) are put on its surface."""

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise UserError(f"radius = {self.radius} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return SpectralLoss(self)


class SpectralLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss, mean over pairs of views; negatives are views of other images."""

    def __init__(self, settings: Spectral) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        views = [in_ball(view, self.settings.radius**0.5) for view in views_of(embeddings, context)]
        check_batch("the spectral loss", len(views[0]), 2)
        return mean([_pair(views[a], views[b]) for a, b in view_pairs(len(views))])


def _pair(a: Tensor, b: Tensor) -> Tensor:
    products = a @ b.T
    squared = products.square()
    apart = (squared.sum() - squared.diagonal().sum()) / (len(a) * (len(a) - 1))
    return apart - 2 * products.diagonal().mean()


def in_ball(rows: Tensor, radius: float) -> Tensor:
    """Rows `(B, D)`, those that are longer than `radius` cut to it."""
    return rows.where(rows.norm(dim=-1, keepdim=True) <= radius, F.normalize(rows, dim=-1) * radius)
