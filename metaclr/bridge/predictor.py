"""A predictor on the queries' side: what keeps objectives without negatives from collapsing (BYOL, SimSiam)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.spec import NoObjective, ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class WithPredictor(ObjectiveSpec):
    """Online embeddings go through a perceptron, target embeddings do not; then any objective compares the two."""

    objective: ObjectiveSpec = field(default_factory=NoObjective)
    hidden: int = 4096  # BYOL, Grill et al. 2020, arXiv:2006.07733
    """Width of the predictor's hidden layer."""
    hidden_share: float | None = None
    """Hidden width as a share of D, in place of `hidden` (SimSiam narrows to a quarter)."""
    last_norm: bool = False
    """End in a layer without bias and a batch norm without weight and bias (MoCo v3), in place of a linear layer."""
    target: Literal["momentum", "stop_gradient"] = "momentum"
    """The EMA encoder's embeddings (BYOL), or the online ones without gradient (SimSiam)."""

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise UserError(f"hidden = {self.hidden} must be at least 1")
        if self.hidden_share is not None and not self.hidden_share > 0:
            raise UserError(f"hidden_share = {self.hidden_share} must be above 0, or None for `hidden`")
        if self.target not in ("momentum", "stop_gradient"):
            raise UserError(f"target = {self.target!r} must be 'momentum' or 'stop_gradient'")

    @property
    def needs_labels(self) -> bool:
        """Whether the objective does."""
        return self.objective.needs_labels

    @property
    def needs_momentum_encoder(self) -> bool:
        """Only the momentum target comes from outside."""
        return self.target == "momentum"

    def module(self, sizes: Sizes) -> nn.Module:
        """The predictor and the objective."""
        return Predictor(self, sizes)


class Predictor(nn.Module):
    """Embeddings `(T, N, V, D)` through linear, batch norm, ReLU, linear; then the objective.

    All views go through as one batch, so batch norm sees them together (the authors take one view at a time).
    """

    def __init__(self, settings: WithPredictor, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        share = settings.hidden_share
        hidden = settings.hidden if share is None else max(1, round(share * sizes.dim))
        first = nn.Linear(sizes.dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        self.predictor = nn.Sequential(*first, nn.Linear(hidden, sizes.dim, bias=not settings.last_norm))
        if settings.last_norm:
            self.predictor.append(nn.BatchNorm1d(sizes.dim, affine=False))
        self.objective = settings.objective.module(sizes)

    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The objective's loss of the predictions against the target.

        Raises:
            UserError: no target although the settings ask for a momentum encoder's.
        """
        context = context or Context()
        if self.settings.target == "stop_gradient":
            context = replace(context, momentum_embeddings=embeddings.detach())
        elif context.momentum_embeddings is None:
            raise UserError(
                "the predictor's target is 'momentum': set Context.momentum_embeddings, or use target = 'stop_gradient'"
            )
        with torch.autocast(embeddings.device.type, enabled=False):
            rows = embeddings.to(next(self.predictor.parameters()).dtype).flatten(0, 2)
            predictions = self.predictor(rows).unflatten(0, embeddings.shape[:3])
        loss: Tensor = self.objective(predictions, context)
        return loss

    @property
    def accuracy(self) -> Tensor | None:
        """Accuracy of the objective, where it has one."""
        found: Tensor | None = getattr(self.objective, "accuracy", None)
        return found
