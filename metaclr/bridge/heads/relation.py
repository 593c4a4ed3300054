"""Axis 6, the relation head: the comparator is learned (Sung et al. 2018, arXiv:1711.06025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError
from metaclr.heads.relation import Comparator


@dataclass(frozen=True)
class Relation:
    """A perceptron scores the pair (query, mean support of a way); the authors' runs on feature maps."""

    fits_classifier: ClassVar[bool] = True
    hidden: int = 64  # channels of the authors' relation module
    """Width of the hidden layer of the perceptron that scores a pair."""

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise UserError(f"head.hidden = {self.hidden} must be at least 1")

    def module(self, sizes: Sizes) -> RelationHead:
        """The head with its weights."""
        return RelationHead(self.hidden, sizes.dim)


class RelationHead(Comparator):
    """The comparator with its weights, as a head of the objective."""

    fits_classifier: ClassVar[bool] = True

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a relation head")
        scores = self.fit(assignment.support).logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale, assignment.query.shape[2])

    def episode_head(self, temperature: float = 1.0) -> Comparator:
        """The classifier of an episode, in training and at test time: itself."""
        return self
