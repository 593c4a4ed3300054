"""Axis 6, the ridge head: classes are regressed on the support in closed form (R2D2, Bertinetto et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError
from metaclr.heads import ridge


@dataclass(frozen=True)
class Ridge:
    """Logits `Q W` with `W = (S^T S + lambda I)^{-1} S^T Y`, times the scale, which is best learned.

    Ridge predictions are at most 1, so that a cross-entropy at temperature 1 cannot fall: learn the temperature
    or set it to 0.1 or less.
    """

    fits_classifier: ClassVar[bool] = True
    regularizer: float = 1.0
    bias: bool = False
    """Learn a bias too, as R2D2 does. A softmax over classes cancels it; a squared error does not."""

    def __post_init__(self) -> None:
        if not self.regularizer > 0:
            raise UserError(f"head.regularizer = {self.regularizer} must be above 0")

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a ridge head")
        scores = self.episode_head().fit(assignment.support).logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale, assignment.query.shape[2])

    def module(self, sizes: Sizes) -> Ridge | BiasedRidge:
        """The head, with its bias if it has one."""
        return BiasedRidge(self) if self.bias else self

    def episode_head(self, temperature: float = 1.0) -> ridge.Ridge:
        """The classifier of an episode, in training and at test time; scale and bias change no prediction."""
        return ridge.Ridge(self.regularizer)

    def numerator(self, logits: Logits) -> Tensor:
        """The logit of the query's own class, `(T, R)`."""
        return logits.mean_positives()


class BiasedRidge(nn.Module):
    """The ridge head with a learned bias, 0 at first."""

    fits_classifier: ClassVar[bool] = True

    def __init__(self, settings: Ridge) -> None:
        super().__init__()
        self.settings = settings
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a ridge head")
        scores = self.episode_head().fit(assignment.support).logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale + self.bias, assignment.query.shape[2])

    def episode_head(self, temperature: float = 1.0) -> ridge.Ridge:
        """See `Ridge.episode_head`."""
        return self.settings.episode_head(temperature)

    def numerator(self, logits: Logits) -> Tensor:
        """The logit of the query's own class, `(T, R)`."""
        return logits.mean_positives()
