"""Axis 6, the prototype head: a query is compared with the mean of each way's support (Snell et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.heads.class_logits import require_distinct_labels
from metaclr.bridge.logits.inner_products import Product, product
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError
from metaclr.heads import prototypes
from metaclr.heads.similarity import Similarity, squared_euclidean


@dataclass(frozen=True)
class Prototypes:
    """Similarity to the mean of a way's support rows; with leave-one-out, to the mean of the way's others."""

    fits_classifier: ClassVar[bool] = False
    similarity: Similarity = squared_euclidean

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a prototype head")
        ways, n_query = assignment.query.shape[1:3]
        if assignment.leave_one_out and n_query < 2:
            raise UserError("leave_one_out prototypes need at least 2 views of each way, got 1")
        query, means = assignment.query.flatten(1, 2), prototypes.class_means(assignment.support)
        positive_mean = means.unsqueeze(2)
        if assignment.leave_one_out:
            positive_mean = (assignment.support.sum(2, keepdim=True) - assignment.support) / (n_query - 1)
        positive_logits = self.similarity(assignment.query.unsqueeze(-2), positive_mean.unsqueeze(-2), scale)
        positive_logits = positive_logits.reshape(len(query), -1, 1)
        way = torch.arange(ways, device=query.device)
        place = way.repeat_interleave(n_query)

        def dense() -> Tensor:
            values = self.similarity(query, means, scale)
            if assignment.leave_one_out:
                values = values.scatter(-1, place.unsqueeze(-1).expand(len(values), -1, 1), positive_logits)
            return values

        def logits_for(vectors: Tensor) -> Tensor:
            return self.similarity(query, vectors, scale)

        def lazy_against(vectors: Tensor, written: Tensor) -> Product | None:
            return product(self.similarity, query, vectors, scale, written=written)

        # With leave-one-out a column is another one for each query of its way: dense.
        lazy = None if assignment.leave_one_out else product(self.similarity, query, means, scale)
        return Logits(dense, place, way, positive_logits, logits_for, lazy, lazy_against)

    def episode_head(self, temperature: float) -> prototypes.Prototypes:
        """The classifier of an episode at test time; the temperature does not change which way is nearest."""
        return prototypes.Prototypes(self.similarity)
