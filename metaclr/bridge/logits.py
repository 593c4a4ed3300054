"""Scaled similarities of every query to every column, and the few reductions that losses are made of.

A column is a class (prototype, ridge, SVM, relation), a support row (pairs, matching) or a queue entry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from metaclr.bridge.log_sum_exp import log_sum_exp_and_nearest
from metaclr.errors import UserError

NOT_ALLOWED = float("-inf")  # the logit of a column that a query must not see: its own row, an empty slot


class Logits:
    """The logits of one batch, `(T, R, C)`, computed when they are first asked for.

    A plain cross-entropy asks for `own` and `reduced` only, neither of which needs `values` where `own` was given:
    this is the seam for a tiled log-sum-exp of O(R D) memory.
    """

    def __init__(
        self,
        dense: Callable[[], Tensor],
        query_class: Tensor,
        column_class: Tensor,
        own: Tensor | None = None,
        against: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """
        Args:
            dense: gives the logits `(T, R, C)`, `NOT_ALLOWED` where a query must not see a column.
            query_class: int64 `(R,)` or `(T, R)`, the class of each query.
            column_class: int64 `(C,)` or `(T, C)`, the class of each column; -1 is nobody's class.
            own: `(T, R, P)`, the logits of each query's own columns, where every query has P of them and
                they are known without the matrix.
            against: gives the logits `(T, R, C)` of the same queries against other vectors `(C, D)`, where
                the head compares vectors at all.
        """
        self.dense = dense
        self.query_class = query_class
        self.column_class = column_class
        self.given = own
        self._against = against

    @cached_property
    def values(self) -> Tensor:
        """All logits `(T, R, C)`."""
        return self.dense()

    @cached_property
    def positive(self) -> Tensor:
        """bool `(T, R, C)`: columns of the query's own class that it may see."""
        same = self.query_class.unsqueeze(-1) == self.column_class.unsqueeze(-2)
        return same & (self.values != NOT_ALLOWED)

    @cached_property
    def negative(self) -> Tensor:
        """bool `(T, R, C)`: columns of other classes that the query may see."""
        other = self.query_class.unsqueeze(-1) != self.column_class.unsqueeze(-2)
        return other & (self.values != NOT_ALLOWED)

    @cached_property
    def own(self) -> Tensor:
        """Logits of the query's own columns `(T, R, P)`, `NOT_ALLOWED` where it has fewer than P."""
        return self.values.masked_fill(~self.positive, NOT_ALLOWED) if self.given is None else self.given

    @cached_property
    def others(self) -> Tensor:
        """The logits `(T, R, C)` with the query's own columns at `NOT_ALLOWED`."""
        return self.values.masked_fill(~self.negative, NOT_ALLOWED)

    def answerable(self) -> Tensor | None:
        """bool `(T, R)`: queries with a positive at all; None where every one of them has."""
        return self.positive.any(-1) if self.given is None else None

    @cached_property
    def reduced(self) -> tuple[Tensor, Tensor]:
        """log-sum-exp over all columns that each query may see, and the nearest of them, both `(T, R)`."""
        return log_sum_exp_and_nearest(self.values)

    def log_sum_exp(self) -> Tensor:
        """log of the sum of exponentials over all columns that each query may see, `(T, R)`."""
        return self.reduced[0]

    def mean_own(self) -> Tensor:
        """Mean of the positives' logits, `(T, R)`; 0 where there is none."""
        if self.given is not None:
            return self.given.mean(-1)
        return self.values.where(self.positive, 0).sum(-1) / self.positive.sum(-1).clamp(min=1)

    @torch.no_grad()
    def right(self) -> Tensor:
        """bool `(T, R)`: whether each query's nearest column is of its own class (of ties, the first counts)."""
        nearest = self.reduced[1] if "reduced" in self.__dict__ else self.values.argmax(-1)
        classes = self.column_class.expand(nearest.shape[0], -1)
        return classes.gather(1, nearest) == self.query_class

    def against(self, vectors: Tensor) -> Tensor:
        """Logits `(T, R, C)` of the same queries against other vectors `(C, D)`."""
        if self._against is None:
            raise UserError("a head that is fitted to its support has no logits of other vectors")
        return self._against(vectors)

    def but(self, keep: Tensor) -> Logits:
        """The same logits without the columns where `keep`, bool `(T, R, C)`, is False."""
        values = self.values.masked_fill(~keep, NOT_ALLOWED)
        return Logits(lambda: values, self.query_class, self.column_class, self.given, self._against)
