"""Prototypes: a query is compared with the mean of each way's support (Snell et al. 2017, arXiv:1703.05175)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.similarity import Similarity, linear_form, squared_euclidean


@dataclass(frozen=True)
class Prototypes:
    """Similarity to the mean of a way's support embeddings."""

    similarity: Similarity = squared_euclidean

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way."""
        weight, bias, unit_query = linear_form(self.similarity, class_means(support))
        return LinearClassifier(weight, bias, support.shape[1], unit_query=unit_query)


def class_means(support: Tensor) -> Tensor:
    """Prototypes (E, N, D): the mean over the shots of support (E, N, K, D)."""
    return support.mean(2)
