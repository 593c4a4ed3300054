"""Scaled similarities of every query to every column, and the few reductions that losses are made of.

A column is a class (prototype, ridge, SVM, relation), a support row (pairs, matching) or a queue entry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from metaclr.bridge.log_sum_exp import log_sum_exp

NOT_ALLOWED = float("-inf")  # the logit of a column that a query must not see: its own row, an empty queue slot


class Logits:
    """The logits of one objective, `(T, R, C)`, computed when they are first asked for.

    `own` and `log_sum_exp()` are all that the plain cross-entropy needs, and neither needs the dense matrix when `own`
    was given: this is the seam where a tiled log-sum-exp of O(R D) memory takes over.
    """

    def __init__(
        self,
        dense: Callable[[], Tensor],
        query_class: Tensor,
        column_class: Tensor,
        own: Tensor | None = None,
    ) -> None:
        """
        Args:
            dense: gives the logits `(T, R, C)`, `NOT_ALLOWED` where a query must not see a column.
            query_class: int64 `(R,)` or `(T, R)`, the class of each query.
            column_class: int64 `(C,)` or `(T, C)`, the class of each column; -1 is nobody's class.
            own: `(T, R, P)`, the logits of each query's own columns, where they are known without the matrix.
        """
        self.dense = dense
        self.query_class = query_class
        self.column_class = column_class
        self._own = own

    @cached_property
    def values(self) -> Tensor:
        """All logits `(T, R, C)`."""
        return self.dense()

    @cached_property
    def positive(self) -> Tensor:
        """bool, broadcasts to `(T, R, C)`: columns of the query's own class that it may see."""
        same = self.query_class.unsqueeze(-1) == self.column_class.unsqueeze(-2)
        return same & (self.values != NOT_ALLOWED)

    @cached_property
    def negative(self) -> Tensor:
        """bool `(T, R, C)`: columns of other classes that the query may see."""
        other = self.query_class.unsqueeze(-1) != self.column_class.unsqueeze(-2)
        return other & (self.values != NOT_ALLOWED)

    @cached_property
    def own(self) -> Tensor:
        """Logits of the query's own columns `(T, R, P)`, `NOT_ALLOWED` where a query has fewer than P."""
        if self._own is not None:
            return self._own
        return self.values.masked_fill(~self.positive, NOT_ALLOWED)

    @cached_property
    def others(self) -> Tensor:
        """The logits `(T, R, C)` with the query's own columns at `NOT_ALLOWED`."""
        return self.values.masked_fill(~self.negative, NOT_ALLOWED)

    def log_sum_exp(self) -> Tensor:
        """log of the sum of exponentials over all columns that each query may see, `(T, R)`."""
        return log_sum_exp(self.values)

    @torch.no_grad()
    def right(self) -> Tensor:
        """bool `(T, R)`: whether each query's nearest column is of its own class (ties: the first column counts)."""
        nearest = self.values.argmax(-1)
        columns = self.column_class.expand(nearest.shape[0], -1)
        return columns.gather(1, nearest) == self.query_class
