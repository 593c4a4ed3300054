"""Matching: the way with the largest softmax weight over all support embeddings.

Vinyals et al. 2016, arXiv:1606.04080, without full-context embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.similarity import Similarity, cosine, linear_form


@dataclass(frozen=True)
class Matching:
    """The logit of a way is the log-sum-exp of similarity / temperature over its support embeddings.

    Raises:
        UserError: a temperature that is not above 0.
    """

    similarity: Similarity = cosine
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise UserError(f"matching temperature = {self.temperature} must be above 0: logits are divided by it")

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per support embedding."""
        weight, bias, unit_query = linear_form(self.similarity, support.flatten(1, 2))
        scale = 1 / self.temperature
        bias = None if bias is None else bias * scale
        return LinearClassifier(weight * scale, bias, support.shape[1], reduce="logsumexp", unit_query=unit_query)
