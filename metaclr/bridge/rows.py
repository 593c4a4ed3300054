"""Axis 6, heads that compare a query with every single support row: pairs and matching.

They share the denominator and differ in the numerator: `pairs` averages the log-probabilities of a query's positives
(SupCon L_out), `matching` takes the logarithm of their summed probability (Matching Networks, NCA, SupCon L_in).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.bridge.log_sum_exp import log_sum_exp
from metaclr.bridge.logits import NOT_ALLOWED, Logits
from metaclr.bridge.roles import Turn
from metaclr.bridge.similarity import Similarity, dot


def row_logits(turn: Turn, labels: Tensor | None, similarity: Similarity, scale: Tensor | float) -> Logits:
    """Every query row `(T, N Q)` against every support row `(T, N K)`; with leave-one-out, but for itself.

    Args:
        turn: who asks whom.
        labels: int64 `(T, N)`, or None when every way is its own class.
        similarity: how alike two rows are.
        scale: 1 / temperature.
    """
    ways, asking, shots = turn.query.shape[1], turn.query.shape[2], turn.support.shape[2]
    query, support = turn.query.flatten(1, 2), turn.support.flatten(1, 2)

    def dense() -> Tensor:
        values = similarity(query, support, scale)
        if turn.leave_one_out:
            # Written past autograd, which saves a pass in the backward: no reduction lets gradient into NOT_ALLOWED.
            values.detach().diagonal(dim1=-2, dim2=-1).fill_(NOT_ALLOWED)
        return values

    if labels is None:
        way = torch.arange(ways, device=query.device)
        own = similarity(turn.query, turn.support, scale)
        own = without_diagonal(own) if turn.leave_one_out else own
        return Logits(dense, way.repeat_interleave(asking), way.repeat_interleave(shots), own.flatten(1, 2))
    return Logits(dense, labels.repeat_interleave(asking, 1), labels.repeat_interleave(shots, 1))


def without_diagonal(square: Tensor) -> Tensor:
    """`(..., V, V)` to `(..., V, V - 1)`: every row without its own column."""
    size = square.shape[-1]
    flat = square.flatten(-2)[..., 1:]
    return flat.unflatten(-1, (size - 1, size + 1))[..., :-1].reshape(*square.shape[:-1], size - 1)


@dataclass(frozen=True)
class Pairs:
    """Mean over a query's positives of the sample-level log-softmax (SupCon L_out, Khosla et al. 2020)."""

    similarity: Similarity = dot

    def __call__(self, turn: Turn, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return row_logits(turn, labels, self.similarity, scale)

    def numerator(self, own: Tensor) -> Tensor:
        """Mean of the positives' logits, `(T, R, P)` to `(T, R)`."""
        there = own != NOT_ALLOWED
        return own.where(there, 0).sum(-1) / there.sum(-1).clamp(min=1)


@dataclass(frozen=True)
class Matching:
    """log of the summed softmax weight of the query's class (Vinyals et al. 2016, without full-context embeddings)."""

    similarity: Similarity = dot

    def __call__(self, turn: Turn, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return row_logits(turn, labels, self.similarity, scale)

    def numerator(self, own: Tensor) -> Tensor:
        """log-sum-exp of the positives' logits, `(T, R, P)` to `(T, R)`."""
        return log_sum_exp(own)
