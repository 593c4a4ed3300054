"""Axis 6, the prototype head: a query is compared with the mean of each way's support (Snell et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.bridge.logits import Logits
from metaclr.bridge.roles import Turn
from metaclr.bridge.similarity import Similarity, squared_euclidean


@dataclass(frozen=True)
class Prototypes:
    """Class logits from the similarity to the mean of a way's support rows."""

    similarity: Similarity = squared_euclidean

    def __call__(self, turn: Turn, labels: Tensor | None, scale: Tensor | float) -> Logits:
        ways, asking = turn.query.shape[1:3]
        query, means = turn.query.flatten(1, 2), turn.support.mean(2)
        if turn.leave_one_out:  # of its own way, a query sees the mean of the others
            rest = (turn.support.sum(2, keepdim=True) - turn.support) / (asking - 1)
            own = self.similarity(turn.query.unsqueeze(-2), rest.unsqueeze(-2), scale).flatten(-2)
        else:
            own = self.similarity(turn.query, means.unsqueeze(2), scale).squeeze(-1)
        own = own.flatten(1, 2).unsqueeze(-1)
        way = torch.arange(ways, device=query.device)
        place = way.repeat_interleave(asking)

        def dense() -> Tensor:
            values = self.similarity(query, means, scale)
            if turn.leave_one_out:
                values = values.scatter(-1, place.expand(len(values), -1).unsqueeze(-1), own)
            return values

        return Logits(dense, place, way, own)

    def numerator(self, own: Tensor) -> Tensor:
        """The logit of the query's class: `(T, R, 1)` to `(T, R)`."""
        return own.squeeze(-1)
