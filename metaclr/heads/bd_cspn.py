"""BD-CSPN: prototypes rectified by queries and by the shift between support and query (Liu, Song and Qin 2020).

arXiv:1911.10713. Transductive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.prototypes import class_means
from metaclr.heads.similarity import cosine


@dataclass(frozen=True)
class BDCSPN:
    """scale: of the cosine in the weights exp(scale cos) of examples; 1 as in easyfsl, 10 in the paper.

    Raises:
        UserError: a scale that is not above 0.
    """

    transductive: ClassVar[bool] = True
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise UserError(f"BD-CSPN scale = {self.scale} must be above 0")

    def fit(self, support: Tensor) -> BDCSPNClassifier:
        """Support (E, N, K, D), kept until the queries are known."""
        return BDCSPNClassifier(self, support)


@dataclass(frozen=True, eq=False)
class BDCSPNClassifier:
    """support: (E, N, K, D)."""

    settings: BDCSPN
    support: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Cosine (E, R, N) of queries (E, R, D) to the rectified prototypes."""
        weight = F.normalize(rectified_prototypes(self.support, query, self.settings.scale), dim=-1)
        return LinearClassifier(weight, None, weight.shape[1], unit_query=True).logits(query)


def rectified_prototypes(support: Tensor, query: Tensor, scale: float) -> Tensor:
    """Prototypes (E, N, D) from support (E, N, K, D) and queries (E, R, D).

    Queries are shifted so that their mean is that of the support and labelled by the nearest prototype; a prototype is
    then the mean of its examples weighted by exp(scale cos(example, old prototype)).
    """
    rows, means = support.flatten(1, 2), class_means(support)
    way = support.shape[1]
    shifted = query + rows.mean(1, keepdim=True) - query.mean(1, keepdim=True)
    of_support = cosine(support, means.unsqueeze(2), scale).squeeze(-1).exp()  # (E, N, K)
    of_query = cosine(shifted, means, scale)  # (E, R, N)
    own = F.one_hot(of_query.max(-1).indices, way).to(query.dtype) * of_query.exp()
    total = of_support.sum(2) + own.sum(1)  # (E, N)
    return ((of_support.unsqueeze(-1) * support).sum(2) + own.mT @ shifted) / total.unsqueeze(-1)
