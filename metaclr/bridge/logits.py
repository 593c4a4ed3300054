"""Scaled similarities of every query to every column, and the few reductions that losses are made of.

A column is a class (prototype, ridge, SVM, relation), a support row (pairs, matching) or a queue entry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from metaclr.bridge.lean import Classes, Lean
from metaclr.bridge.log_sum_exp import log_sum_exp, log_sum_exp_and_nearest
from metaclr.bridge.products import Product
from metaclr.bridge.tiles import NOT_ALLOWED, Columns
from metaclr.errors import UserError

__all__ = ["NOT_ALLOWED", "Logits"]


class Logits:
    """The logits of one batch, `(T, R, C)`, computed when they are first asked for.

    Where they come as `lean` they are not held: log-sum-exps, means and counts go over tiles in O(R D) memory, and
    only a loss that looks at single logits (`values`, `own` where it was not given, `others`) makes the matrix.
    """

    def __init__(
        self,
        dense: Callable[[], Tensor],
        query_class: Tensor,
        column_class: Tensor,
        own: Tensor | None = None,
        against: Callable[[Tensor], Tensor] | None = None,
        lean: Lean | None = None,
        lean_against: Callable[[Tensor, Tensor], Lean | None] | None = None,
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
            lean: the same logits without the matrix; None where the matrix is small or there is no other way.
            lean_against: gives the lean form of `against` for other vectors `(C, D)`, bool `(C,)` says which exist.
        """
        self.dense = dense
        self.query_class = query_class
        self.column_class = column_class
        self.given = own
        self._against = against
        self.lean = lean
        self.lean_against = lean_against
        self._nearest: Tensor | None = None

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

    @cached_property
    def classes(self) -> Classes:
        """Whose column is whose, for every task."""
        tasks = len(self.own) if self.given is not None else len(self.query_class)
        return Classes(*(table.expand(tasks, -1) for table in (self.query_class, self.column_class)))

    def answerable(self) -> Tensor | None:
        """bool `(T, R)`: queries with a positive at all; None where every one of them has."""
        if self.given is not None:
            return None
        return self.lean.own_count(self.classes) > 0 if isinstance(self.lean, Product) else self.positive.any(-1)

    def log_sum_exp(self) -> Tensor:
        """log of the sum of exponentials over all columns that each query may see, `(T, R)`."""
        if self.lean is not None:
            return self._reduced(self.lean, "all")
        result, self._nearest = log_sum_exp_and_nearest(self.values)
        return result

    def log_sum_exp_own(self) -> Tensor:
        """The same over the columns of the query's own class; -inf where there is none."""
        if self.lean is None or self.given is not None:
            return log_sum_exp(self.own)
        return self._reduced(self.lean, "own")

    def log_sum_exp_others(self, times: float = 1.0) -> Tensor:
        """The same of `times` the logits over the columns of other classes; -inf where there is none."""
        if self.lean is not None:
            return self._reduced(self.lean, "others", times)
        return log_sum_exp(self.others if times == 1 else times * self.others)

    def _reduced(self, lean: Lean, only: Columns, times: float = 1.0) -> Tensor:
        found = lean.reduced(only, self.classes, times)
        if only != "own":  # which may skip tiles
            self._nearest = found.nearest
        return found.log_sum_exp

    def count_others(self) -> Tensor:
        """int64 `(T, R)`: columns of other classes that the query may see."""
        if self.lean is not None and self.given is not None:
            others = self.lean.visible() - self.given.shape[-1]
            return torch.ones_like(self.classes.query) * others
        if isinstance(self.lean, Product):
            return self.lean.visible() - self.lean.own_count(self.classes)
        return self.negative.sum(-1)

    def count_own(self) -> Tensor:
        """Columns of its own class that each query may see, `(T, R)`, as a float; 1 where there is none."""
        if self.given is not None:
            return self.given.new_full(self.given.shape[:-1], self.given.shape[-1])
        if isinstance(self.lean, Product):
            return self.lean.own_count(self.classes).clamp(min=1).to(self.lean.query.dtype)
        return self.positive.sum(-1).clamp(min=1).to(self.values.dtype)

    def mean_own(self) -> Tensor:
        """Mean of the positives' logits, `(T, R)`; 0 where there is none."""
        if self.given is not None:
            return self.given.mean(-1)
        if isinstance(self.lean, Product):
            return self.lean.mean_own(self.classes)
        return self.values.where(self.positive, 0).sum(-1) / self.count_own()

    @torch.no_grad()
    def right(self) -> Tensor:
        """bool `(T, R)`: whether each query's nearest column is of its own class (of ties, the first counts)."""
        if self._nearest is None and self.lean is not None:
            self.log_sum_exp()
        nearest = self.values.argmax(-1) if self._nearest is None else self._nearest
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
