"""Linear classifiers of E episodes: the scores of all queries are one batched matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Scores `weight @ query + bias` of C columns; with C = N G, the G scores of a way are reduced to one.

    weight: (E, C, D), way by way. bias: (E, C), or None for zeros. way: N.
    reduce: "max" (the nearest of G) or "logsumexp" (their summed weight). unit_query: queries are normalized first.
    """

    weight: Tensor
    bias: Tensor | None
    way: int
    reduce: Literal["max", "logsumexp"] = "max"
    unit_query: bool = False

    def logits(self, query: Tensor) -> Tensor:
        """Logits (E, R, N) of queries (E, R, D); a view of memory in the order (E, N, R), which is fastest to write."""
        query = F.normalize(query, dim=-1) if self.unit_query else query
        if self.bias is None:
            scores = self.weight @ query.mT
        else:
            scores = torch.baddbmm(self.bias.unsqueeze(-1), self.weight, query.mT)
        if scores.shape[1] > self.way:
            grouped = scores.view(len(scores), self.way, -1, scores.shape[-1])
            scores = grouped.amax(2) if self.reduce == "max" else grouped.logsumexp(2)
        return scores.mT
