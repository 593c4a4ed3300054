"""Nearest neighbor: the way of the most similar support embedding."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.similarity import Similarity, cosine, linear_form


@dataclass(frozen=True)
class NearestNeighbor:
    """The logit of a way is the largest similarity to one of its support embeddings."""

    similarity: Similarity = cosine

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per support embedding."""
        weight, bias, unit_query = linear_form(self.similarity, support.flatten(1, 2))
        return LinearClassifier(weight, bias, support.shape[1], unit_query=unit_query)
