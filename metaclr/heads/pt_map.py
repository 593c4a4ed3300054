"""PT-MAP: assignments by optimal transport with equal class sizes (Hu, Gripon and Pateux 2021, arXiv:2006.03806).

Transductive; the name's power transform is a feature transform in front of it. It assumes as many queries of every way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.prototypes import class_means
from metaclr.heads.similarity import squared_euclidean

MAX_SINKHORN_STEPS = 1000


@dataclass(frozen=True)
class PTMAP:
    """Steps: assign queries by Sinkhorn, then move prototypes a share `rate` towards their new means.

    regularizer: lambda of exp(-lambda |q - c|^2). tolerance: of the largest change of a row sum in Sinkhorn.

    Raises:
        UserError: steps below 1, or a rate or regularizer that is not above 0.
    """

    transductive: ClassVar[bool] = True
    iterative: ClassVar[bool] = True
    steps: int = 10
    rate: float = 0.2
    regularizer: float = 10.0
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.rate > 0 or not self.regularizer > 0:
            raise UserError(
                f"PT-MAP needs steps of at least 1, rate and regularizer above 0, not {self.steps}, {self.rate}, "
                f"{self.regularizer}"
            )

    def fit(self, support: Tensor) -> PTMAPClassifier:
        """Support (E, N, K, D), kept until the queries are known."""
        return PTMAPClassifier(self, support)


@dataclass(frozen=True, eq=False)
class PTMAPClassifier:
    """support: (E, N, K, D)."""

    settings: PTMAP
    support: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Log of the transport plan (E, R, N) of queries (E, R, D)."""
        settings, shot = self.settings, self.support.shape[2]
        total, prototypes = self.support.sum(2), class_means(self.support)
        for _ in range(settings.steps):
            plan = transport_plan(query, prototypes, settings)
            means = (total + plan.mT @ query) / (shot + plan.sum(1)).unsqueeze(-1)
            prototypes = prototypes + settings.rate * (means - prototypes)
        return (transport_plan(query, prototypes, settings) + torch.finfo(query.dtype).tiny).log()


def transport_plan(query: Tensor, prototypes: Tensor, settings: PTMAP) -> Tensor:
    """Sinkhorn's plan (E, R, N) from queries (E, R, D) to prototypes (E, N, D): rows sum to 1, columns to R / N.

    An episode keeps its plan once it has converged, so that it does not depend on the others.
    """
    scores = settings.regularizer * squared_euclidean(query, prototypes)
    plan = scores.flatten(1).softmax(1).view_as(scores)
    per_column = query.shape[1] / prototypes.shape[1]
    moving = torch.ones(len(plan), 1, 1, dtype=torch.bool, device=plan.device)
    for _ in range(MAX_SINKHORN_STEPS):
        rows = plan.sum(2, keepdim=True)
        scaled = plan / (rows + 1e-10)
        scaled = scaled * (per_column / (scaled.sum(1, keepdim=True) + 1e-10))
        plan = torch.where(moving, scaled, plan)
        moving = moving & ((rows - scaled.sum(2, keepdim=True)).abs().amax((1, 2), keepdim=True) >= settings.tolerance)
        if not bool(moving.any()):
            break
    return plan
