"""Axis 6, the ridge head: classes are regressed on the support in closed form (R2D2, Bertinetto et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
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
    """lambda: added to the diagonal of the Gram matrix; the larger, the smaller the weights."""
    intercept: bool = False
    """Append a 1 to every support and query row, so that each class has a regularized intercept (bertinetto/r2d2)."""

    def __post_init__(self) -> None:
        if not self.regularizer > 0:
            raise UserError(f"head.regularizer = {self.regularizer} must be above 0")

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a ridge head")
        scores = self.episode_head().fit(assignment.support).logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale, assignment.query.shape[2])

    def episode_head(self, temperature: float = 1.0) -> ridge.Ridge:
        """The classifier of an episode, in training and at test time; the scale changes no prediction."""
        return ridge.Ridge(self.regularizer, self.intercept)
