"""DINO: a view predicts the momentum encoder's sharpened and centered distribution over prototypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import full_precision, views_of
from metaclr.bridge.losses.prototype_layer import PrototypeLayer, cross_entropy_of_pairs
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class DINO(ObjectiveSpec):
    """Caron et al. 2021, arXiv:2104.14294; defaults of facebookresearch/dino."""

    formula: ClassVar[str] = (
        r"-\sum_k t_k \log\frac{e^{q^\top w_k/\tau}}{\sum_j e^{q^\top w_j/\tau}}, \quad "
        r"t = \mathrm{softmax}((s^\top w' - c)/\tau_t)"
    )
    prototypes: int = 65536
    """Number of prototypes: dimensions of the two distributions that are compared."""
    temperature: float = 0.1
    target_temperature: float = 0.04
    """The target's scores are divided by it before the softmax; lower is sharper."""
    center_momentum: float = 0.9
    """Decay of the center c, the moving mean of the target's scores."""
    code_views: int = 2
    """The first views are embedded for the target; all views predict (multi-crop: the large crops come first)."""
    frozen_steps: int = 0
    """First steps in which the prototypes take no gradient; the paper has one epoch."""

    def __post_init__(self) -> None:
        if self.prototypes < 2 or self.code_views < 1:
            raise UserError(f"prototypes = {self.prototypes} must be at least 2, code_views = {self.code_views} 1")
        if not (self.temperature > 0 and self.target_temperature > 0):
            raise UserError(
                f"temperature = {self.temperature} and target_temperature = {self.target_temperature} must be above 0"
            )
        if not 0 <= self.center_momentum <= 1:
            raise UserError(f"center_momentum = {self.center_momentum} must be in [0, 1]")

    @property
    def needs_momentum_encoder(self) -> bool:
        """Always: the target is its embeddings."""
        return True

    def module(self, sizes: Sizes) -> nn.Module:
        """The prototypes, their moving average, the center and the loss."""
        return DINOLoss(self, sizes)


class DINOLoss(nn.Module):
    """Embeddings `(T, N, V, D)` and the momentum encoder's to the mean over pairs (target view, predicting view).

    The target has prototypes of its own, a moving average that `follow` updates after each step, as the momentum
    encoder is. Where all embeddings are zero the loss is the log of the number of prototypes.
    """

    target_weight: Tensor
    center: Tensor

    def __init__(self, settings: DINO, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        self.prototypes = PrototypeLayer(sizes.dim, settings.prototypes, settings.frozen_steps)
        self.register_buffer("target_weight", self.prototypes.weight.detach().clone())
        self.register_buffer("center", torch.zeros(settings.prototypes))

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss; in training mode the center moves after it.

        Raises:
            UserError: no momentum embeddings.
        """
        settings, views = self.settings, views_of(embeddings, context)
        if context is None or context.momentum_embeddings is None:
            raise UserError("DINO's target is the momentum encoder's: set Context.momentum_embeddings")
        scores = self.prototypes(views)
        with torch.no_grad():
            weight = F.normalize(self.target_weight, dim=-1)
            rows = views_of(context.momentum_embeddings)[: settings.code_views]
            of_target = [F.normalize(view.to(weight.dtype), dim=-1) @ weight.T for view in rows]
            targets = [((score - self.center) / settings.target_temperature).softmax(-1) for score in of_target]
            if self.training:
                self.center.lerp_(torch.cat(of_target).mean(0), 1 - settings.center_momentum)
        return cross_entropy_of_pairs(targets, [score / settings.temperature for score in scores])

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """w' <- momentum w' + (1 - momentum) w, after a step."""
        self.target_weight.lerp_(self.prototypes.weight, 1 - momentum)
