"""Alignment and uniformity: views close together, images spread over the sphere, as two separate terms."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.log_sum_exp import log_sum_exp
from metaclr.bridge.losses.common import check_batch, full_precision, mean, view_pairs, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class AlignUniform(ObjectiveSpec):
    """Wang and Isola 2020, arXiv:2005.10242; alpha, t and the weights of ssnl/align_uniform."""

    formula: ClassVar[str] = r"w_a E\|z-z^+\|^\alpha + w_u \log E\, e^{-t\|z-z'\|^2}"
    alpha: float = 2.0
    """Power of the distance in the alignment term."""
    t: float = 2.0
    """Factor of the squared distance in the uniformity term."""
    align_weight: float = 1.0
    """Weight w_a of the alignment term."""
    uniform_weight: float = 1.0
    """Weight w_u of the uniformity term."""

    def __post_init__(self) -> None:
        if not (self.alpha > 0 and self.t > 0):
            raise UserError(f"alpha = {self.alpha} and t = {self.t} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return AlignUniformLoss(self)


class AlignUniformLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss; uniformity is averaged over the views."""

    def __init__(self, settings: AlignUniform) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        settings = self.settings
        views = [F.normalize(view, dim=-1) for view in views_of(embeddings, context)]
        check_batch("uniformity", len(views[0]), 2)
        close = mean([alignment(views[a], views[b], settings.alpha) for a, b in view_pairs(len(views))])
        spread = mean([uniformity(view, settings.t) for view in views])
        return settings.align_weight * close + settings.uniform_weight * spread


def alignment(a: Tensor, b: Tensor, alpha: float = 2.0) -> Tensor:
    """`E |a - b|^alpha` of unit rows `(B, D)`."""
    squared = (a - b).square().sum(-1)
    return (squared if alpha == 2 else squared.clamp(min=1e-12) ** (alpha / 2)).mean()


def uniformity(rows: Tensor, t: float = 2.0) -> Tensor:
    """`log E e^{-t |x - y|^2}` over pairs of different unit rows `(B, D)`; by a matrix product."""
    logits = 2 * t * (rows @ rows.T - 1)
    logits.detach().fill_diagonal_(float("-inf"))  # past autograd: the diagonal takes no gradient
    return log_sum_exp(logits.flatten()) - log(len(rows) * (len(rows) - 1))
