"""Soft k-means prototypes: queries refine the prototypes by their soft assignment (Ren et al. 2018, arXiv:1803.00676).

Transductive. With a distractor cluster at the origin it is their semi-supervised variant for queries of no way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.prototypes import class_means
from metaclr.heads.similarity import linear_form, squared_euclidean


@dataclass(frozen=True)
class SoftKMeans:
    """Refinement steps with weights softmax(-scale |q - c|^2) over ways.

    steps: theirs is 1. scale: 10 for unit-norm embeddings, whose squared distances are at most 4; theirs is 1 on raw
    ones. distractors: add a cluster with its mean at the origin, which no query is classified as.

    Raises:
        UserError: steps below 1, or a scale that is not above 0.
    """

    transductive: ClassVar[bool] = True
    steps: int = 1
    scale: float = 10.0
    distractors: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"soft k-means steps = {self.steps} must be at least 1")
        if not self.scale > 0:
            raise UserError(f"soft k-means scale = {self.scale} must be above 0")

    def fit(self, support: Tensor) -> SoftKMeansClassifier:
        """Support (E, N, K, D) -> its sums and shots, which the queries are added to."""
        return SoftKMeansClassifier(self, support)


@dataclass(frozen=True, eq=False)
class SoftKMeansClassifier:
    """support: (E, N, K, D)."""

    settings: SoftKMeans
    support: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Logits (E, R, N) of queries (E, R, D), by squared Euclidean distance to the refined prototypes."""
        way, shot = self.support.shape[1:3]
        total, means = self.support.sum(2), class_means(self.support)
        for _ in range(self.settings.steps):
            columns = means
            if self.settings.distractors:
                columns = torch.cat([means, torch.zeros_like(means[:, :1])], 1)
            scores = squared_euclidean(query, columns, self.settings.scale)
            weight = scores.softmax(-1)[..., :way].mT  # (E, N, R)
            means = (total + weight @ query) / (shot + weight.sum(-1, keepdim=True))
        slope, bias, _ = linear_form(squared_euclidean, means)
        return LinearClassifier(slope, bias, way).logits(query)
