"""Axis 6, the relation head: the comparator is learned (Sung et al. 2018, arXiv:1711.06025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Relation:
    """A perceptron scores the pair (query, mean support of a way); the authors' runs on feature maps."""

    fits_classifier: ClassVar[bool] = True
    hidden: int = 64  # channels of the authors' relation module

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise UserError(f"head.hidden = {self.hidden} must be at least 1")

    def module(self, sizes: Sizes) -> Comparator:
        """The head with its weights."""
        return Comparator(self.hidden, sizes.dim)


class Comparator(nn.Module):
    """`score = w^T relu(A q + B s + b) + c`: the pair's concatenation through one hidden layer."""

    fits_classifier: ClassVar[bool] = True

    def __init__(self, hidden: int, dim: int) -> None:
        super().__init__()
        self.of_query = nn.Linear(dim, hidden)
        self.of_support = nn.Linear(dim, hidden, bias=False)
        self.score = nn.Linear(hidden, 1)

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a relation head")
        query = self.of_query(assignment.query.flatten(1, 2)).unsqueeze(2)
        support = self.of_support(assignment.support.mean(2)).unsqueeze(1)
        scores: Tensor = self.score((query + support).relu()).squeeze(-1)
        return class_logits(scores * scale, assignment.query.shape[2])
