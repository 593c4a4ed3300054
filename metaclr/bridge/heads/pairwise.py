"""Axis 6, heads that compare a query with every single support row: pairs and matching.

They share the denominator and differ in the numerator: `Pairs` averages the log-probabilities of a query's
positives (SupCon L_out), `Matching` takes the log of their summed probability (SupCon L_in, NCA).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.logits.inner_products import Product, product
from metaclr.bridge.logits.logits import MASKED, Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError
from metaclr.heads import matching
from metaclr.heads.similarity import Similarity, dot


def row_logits(
    assignment: RoleAssignment, labels: Tensor | None, similarity: Similarity, scale: Tensor | float
) -> Logits:
    """Every query row `(T, N Q)` against every support row `(T, N K)`; with leave-one-out, except itself.

    Args:
        assignment: query and support rows.
        labels: int64 `(T, N)`, or None when every way is its own class.
        similarity: of two rows.
        scale: 1 / temperature.

    Raises:
        UserError: leave-one-out of single views, where no query has a positive.
    """
    ways, n_query, shots = assignment.query.shape[1], assignment.query.shape[2], assignment.support.shape[2]
    query, support = assignment.query.flatten(1, 2), assignment.support.flatten(1, 2)

    def dense() -> Tensor:
        values = similarity(query, support, scale)
        if assignment.leave_one_out:
            # Past autograd, which saves a pass in the backward: no reduction lets gradient into MASKED.
            values.detach().diagonal(dim1=-2, dim2=-1).fill_(MASKED)
        return values

    def logits_for(vectors: Tensor) -> Tensor:
        return similarity(query, vectors, scale)

    def lazy_against(vectors: Tensor, written: Tensor) -> Product | None:
        return product(similarity, query, vectors, scale, written=written)

    lazy = product(
        similarity, query, query if assignment.query is assignment.support else support, scale, assignment.leave_one_out
    )
    if labels is not None:
        rows, columns = labels.repeat_interleave(n_query, 1), labels.repeat_interleave(shots, 1)
        return Logits(dense, rows, columns, None, logits_for, lazy, lazy_against)
    if assignment.leave_one_out and n_query < 2:
        raise UserError("leave_one_out with instance labels needs at least 2 views of each way, got 1")
    positive_logits = similarity(assignment.query, assignment.support, scale)
    if assignment.leave_one_out:
        positive_logits = without_diagonal(positive_logits)
    way = torch.arange(ways, device=query.device)
    rows, columns = way.repeat_interleave(n_query), way.repeat_interleave(shots)
    return Logits(dense, rows, columns, positive_logits.flatten(1, 2), logits_for, lazy, lazy_against)


def without_diagonal(square: Tensor) -> Tensor:
    """`(..., V, V)` to `(..., V, V - 1)`: every row without its own column."""
    size = square.shape[-1]
    flat = square.flatten(-2)[..., 1:]
    pairs = flat.reshape(*square.shape[:-2], size - 1, size + 1)[..., :-1]
    return pairs.reshape(*square.shape[:-1], size - 1)


@dataclass(frozen=True)
class Pairs:
    """Mean over a query's positives of the sample-level log-softmax (SupCon L_out, Khosla et al. 2020)."""

    fits_classifier: ClassVar[bool] = False
    similarity: Similarity = dot

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return row_logits(assignment, labels, self.similarity, scale)


@dataclass(frozen=True)
class Matching:
    """log of the class's summed softmax weight (Vinyals et al. 2016, without full-context embeddings)."""

    fits_classifier: ClassVar[bool] = False
    sums_positives: ClassVar[bool] = True
    similarity: Similarity = dot

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return row_logits(assignment, labels, self.similarity, scale)

    def episode_head(self, temperature: float) -> matching.Matching:
        """The classifier of an episode at test time."""
        return matching.Matching(self.similarity, temperature)
