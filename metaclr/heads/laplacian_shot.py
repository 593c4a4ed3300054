"""LaplacianShot: neighboring queries get similar assignments (Ziko, Dolz, Granger and Ben Ayed 2020, arXiv:2006.15486).

Transductive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.bd_cspn import rectified_prototypes
from metaclr.heads.similarity import squared_euclidean


@dataclass(frozen=True)
class LaplacianShot:
    """Bound updates y <- softmax(-|q - c|^2 + weight W y) with rectified prototypes c and k-nearest-neighbor graph W.

    Defaults of easyfsl, tuned for 5-way 5-shot miniImageNet. `neighbors` counts the query itself, as theirs does.

    Raises:
        UserError: neighbors or steps below 1, or a negative weight.
    """

    transductive: ClassVar[bool] = True
    neighbors: int = 3
    weight: float = 0.7
    steps: int = 20

    def __post_init__(self) -> None:
        if self.neighbors < 1 or self.steps < 1 or not self.weight >= 0:
            raise UserError(
                f"LaplacianShot needs neighbors and steps of at least 1 and a weight of at least 0, not "
                f"{self.neighbors}, {self.steps}, {self.weight}"
            )

    def fit(self, support: Tensor) -> LaplacianShotClassifier:
        """Support (E, N, K, D), kept until the queries are known."""
        return LaplacianShotClassifier(self, support)


@dataclass(frozen=True, eq=False)
class LaplacianShotClassifier:
    """support: (E, N, K, D)."""

    settings: LaplacianShot
    support: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Log-assignments (E, R, N) of queries (E, R, D)."""
        settings = self.settings
        scores = squared_euclidean(query, rectified_prototypes(self.support, query, 1.0))
        distances = torch.cdist(query, query)
        nearest = distances.topk(min(settings.neighbors, query.shape[1]), largest=False).indices[..., 1:]
        graph = torch.zeros_like(distances).scatter_(-1, nearest, 1.0)
        updated = scores
        for _ in range(settings.steps):
            updated = scores + settings.weight * (graph @ updated.softmax(-1))
        return updated
