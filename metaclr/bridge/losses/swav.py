"""SwAV: a view predicts the balanced cluster assignment of another view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, views_of
from metaclr.bridge.losses.prototype_layer import PrototypeLayer, cross_entropy_of_pairs
from metaclr.bridge.queue_pseudo_labels import sinkhorn
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class SwAV(ObjectiveSpec):
    """Caron et al. 2020, arXiv:2006.09882; defaults of facebookresearch/swav."""

    formula: ClassVar[str] = r"-\sum_k c_k \log\frac{e^{q^\top w_k/\tau}}{\sum_j e^{q^\top w_j/\tau}}"
    prototypes: int = 3000
    """Number of prototypes, trained vectors that views are assigned to."""
    temperature: float = 0.1
    epsilon: float = 0.05
    """Entropy of the assignment, as a divisor of its scores."""
    iterations: int = 3
    """Of Sinkhorn and Knopp's balancing."""
    code_views: int = 2
    """The first views are assigned to prototypes; all views predict (multi-crop: the large crops come first)."""
    frozen_steps: int = 0
    """First steps in which the prototypes take no gradient; the paper has one epoch."""

    def __post_init__(self) -> None:
        if self.prototypes < 2 or self.iterations < 1 or self.code_views < 1:
            raise UserError(
                f"prototypes = {self.prototypes} must be at least 2, iterations = {self.iterations} and "
                f"code_views = {self.code_views} at least 1"
            )
        if not (self.temperature > 0 and self.epsilon > 0):
            raise UserError(f"temperature = {self.temperature} and epsilon = {self.epsilon} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The prototypes and the loss."""
        return SwAVLoss(self, sizes)


class SwAVLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the mean over ordered pairs (assigned view, predicting view).

    Codes are balanced over the images of the whole batch, one view at a time. Where all embeddings are zero the loss
    is the log of the number of prototypes.
    """

    def __init__(self, settings: SwAV, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        self.prototypes = PrototypeLayer(sizes.dim, settings.prototypes, settings.frozen_steps)

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss.

        Raises:
            UserError: a single image, which cannot be balanced over prototypes.
        """
        settings, views = self.settings, views_of(embeddings, context)
        check_batch("SwAV", len(views[0]), 2)
        if self.training:
            self.prototypes.normalize()
        scores = self.prototypes(views)
        with torch.no_grad():
            assigned = scores[: settings.code_views]
            codes = [sinkhorn(view, settings.epsilon, settings.iterations).exp() for view in assigned]
        return cross_entropy_of_pairs(codes, [view / settings.temperature for view in scores])
