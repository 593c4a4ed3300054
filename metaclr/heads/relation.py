"""Relation: a trained comparator scores a query against the mean support of a way (Sung et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.heads.prototypes import class_means


class Comparator(nn.Module):
    """`score = w^T relu(A q + B s + b) + c`: the concatenated pair through one hidden layer (arXiv:1711.06025).

    The authors' module runs on feature maps; this one on vectors. It is a head with trained numbers.
    """

    def __init__(self, hidden: int, dim: int) -> None:
        """hidden: width of the hidden layer. dim: D of the embeddings.

        Raises:
            UserError: hidden below 1.
        """
        super().__init__()
        if hidden < 1:
            raise UserError(f"relation hidden = {hidden} must be at least 1")
        self.of_query = nn.Linear(dim, hidden)
        self.of_support = nn.Linear(dim, hidden, bias=False)
        self.score = nn.Linear(hidden, 1)

    def fit(self, support: Tensor) -> RelationClassifier:
        """Support (E, N, K, D) -> the part of the hidden layer that each way contributes."""
        return RelationClassifier(self, self.of_support(class_means(support)))


@dataclass(frozen=True, eq=False)
class RelationClassifier:
    """hidden: (E, N, H), what the ways contribute to the hidden layer of the comparator."""

    comparator: Comparator
    hidden: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Scores (E, R, N) of queries (E, R, D)."""
        of_query = self.comparator.of_query(query).unsqueeze(2)
        scores: Tensor = self.comparator.score((of_query + self.hidden.unsqueeze(1)).relu())
        return scores.squeeze(-1)
