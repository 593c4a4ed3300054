"""Scaled similarities of every query to every column, and the reductions that losses use.

A column is a class (prototype, ridge, SVM, relation), a support row (pairs, matching) or a queue entry.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from metaclr.bridge.logits.inner_products import Product
from metaclr.bridge.logits.lazy_logits import Classes, LazyLogits
from metaclr.bridge.logits.log_sum_exp import log_sum_exp, log_sum_exp_and_nearest
from metaclr.bridge.logits.tiling import MASKED, Columns
from metaclr.errors import UserError

__all__ = ["MASKED", "Logits"]


class Logits:
    """The logits of one batch, `(T, R, C)`, computed on first use.

    With `lazy`, log-sum-exps, means and counts go over tiles in O(R D) memory. Only a loss that reads single logits
    (`values`, `negative_logits`, `positive_logits` where they were not passed in) builds the matrix.
    """

    def __init__(
        self,
        dense: Callable[[], Tensor],
        query_class: Tensor,
        column_class: Tensor,
        positive_logits: Tensor | None = None,
        logits_for: Callable[[Tensor], Tensor] | None = None,
        lazy: LazyLogits | None = None,
        lazy_against: Callable[[Tensor, Tensor], LazyLogits | None] | None = None,
    ) -> None:
        """
        Args:
            dense: gives the logits `(T, R, C)`, `MASKED` where a query must not see a column.
            query_class: int64 `(R,)` or `(T, R)`, the class of each query.
            column_class: int64 `(C,)` or `(T, C)`, the class of each column; -1 for no class, always a negative.
            positive_logits: `(T, R, P)`, the logits of each query's positives, if every query has P of them and
                they can be computed without the matrix.
            against: gives the logits `(T, R, C)` of the same queries against other vectors `(C, D)`; None
                for a head that does not compare vectors.
            lazy: the same logits without the matrix; None if the matrix is small or has no other form.
            lazy_against: gives the lazy form of `logits_for` for vectors `(C, D)`, of which bool `(C,)` exist.
        """
        self.dense = dense
        self.query_class = query_class
        self.column_class = column_class
        self.given = positive_logits
        self._against = logits_for
        self.lazy = lazy
        self.lazy_against = lazy_against
        self.negative_seen: Tensor | None = None
        """bool, broadcast to `(T, R)`: set where columns of another class may all be masked (a queue, `masked`)."""
        self._nearest: Tensor | None = None

    @cached_property
    def values(self) -> Tensor:
        """All logits `(T, R, C)`."""
        return self.dense()

    @cached_property
    def positive(self) -> Tensor:
        """bool `(T, R, C)`: unmasked columns of the query's class."""
        same = self.query_class.unsqueeze(-1) == self.column_class.unsqueeze(-2)
        return same & (self.values != MASKED)

    @cached_property
    def negative(self) -> Tensor:
        """bool `(T, R, C)`: unmasked columns of other classes."""
        other = self.query_class.unsqueeze(-1) != self.column_class.unsqueeze(-2)
        return other & (self.values != MASKED)

    @cached_property
    def positive_logits(self) -> Tensor:
        """Logits of the query's positives `(T, R, P)`, `MASKED` if it has fewer than P."""
        return self.values.masked_fill(~self.positive, MASKED) if self.given is None else self.given

    @cached_property
    def negative_logits(self) -> Tensor:
        """The logits `(T, R, C)` with the query's positives at `MASKED`."""
        return self.values.masked_fill(~self.negative, MASKED)

    @cached_property
    def classes(self) -> Classes:
        """Class of each query and column, for every task."""
        tasks = len(self.positive_logits) if self.given is not None else len(self.query_class)
        return Classes(*(table.expand(tasks, -1) for table in (self.query_class, self.column_class)))

    def has_positive(self) -> Tensor | None:
        """bool `(T, R)`: queries that have a positive; None if all have."""
        if self.given is not None:
            return None
        return self.lazy.positive_count(self.classes) > 0 if isinstance(self.lazy, Product) else self.positive.any(-1)

    def has_negative(self) -> Tensor:
        """bool, broadcast to `(T, R)`: queries that see a column of another class; in O(R + C) unless `masked`."""
        if self.negative_seen is not None:
            return self.negative_seen
        low, high = (end.unsqueeze(-1) for end in self.column_class.aminmax(dim=-1))
        return (low != self.query_class) | (high != self.query_class)

    def log_sum_exp(self) -> Tensor:
        """log of the sum of exponentials over each query's unmasked columns, `(T, R)`."""
        if self.lazy is not None:
            return self._reduced(self.lazy, "all")
        result, self._nearest = log_sum_exp_and_nearest(self.values)
        return result

    def log_sum_exp_positives(self) -> Tensor:
        """The same over the query's positives; -inf if it has none."""
        if self.lazy is None or self.given is not None:
            return log_sum_exp(self.positive_logits)
        return self._reduced(self.lazy, "positives")

    def log_sum_exp_negatives(self, times: float = 1.0) -> Tensor:
        """The same of `times` the logits over the query's negatives; -inf if it has none."""
        if self.lazy is not None:
            return self._reduced(self.lazy, "negatives", times)
        return log_sum_exp(self.negative_logits if times == 1 else times * self.negative_logits)

    def _reduced(self, lazy: LazyLogits, only: Columns, times: float = 1.0) -> Tensor:
        reduction = lazy.reduced(only, self.classes, times)
        if only != "positives":  # that one may skip tiles
            self._nearest = reduction.nearest
        return reduction.log_sum_exp

    def count_negatives(self) -> Tensor:
        """int64 `(T, R)`: unmasked columns of other classes."""
        if self.lazy is not None and self.given is not None:
            negatives = self.lazy.visible() - self.given.shape[-1]
            return torch.ones_like(self.classes.query) * negatives
        if isinstance(self.lazy, Product):
            return self.lazy.visible() - self.lazy.positive_count(self.classes)
        return self.negative.sum(-1)

    def count_positives(self) -> Tensor:
        """Number of each query's positives, `(T, R)`, as a float; 1 if it has none."""
        if self.given is not None:
            return self.given.new_full(self.given.shape[:-1], self.given.shape[-1])
        if isinstance(self.lazy, Product):
            return self.lazy.positive_count(self.classes).clamp(min=1).to(self.lazy.query.dtype)
        return self.positive.sum(-1).clamp(min=1).to(self.values.dtype)

    def mean_positives(self) -> Tensor:
        """Mean of the positives' logits, `(T, R)`; 0 if there are none."""
        if self.given is not None:
            return self.given.mean(-1)
        if isinstance(self.lazy, Product):
            return self.lazy.mean_positives(self.classes)
        return self.values.where(self.positive, 0).sum(-1) / self.count_positives()

    @torch.no_grad()
    def is_correct(self) -> Tensor:
        """bool `(T, R)`: whether each query's nearest column is a positive (the first of ties counts)."""
        if self._nearest is None and self.lazy is not None:
            self.log_sum_exp()
        nearest = self.values.argmax(-1) if self._nearest is None else self._nearest
        classes = self.column_class.expand(nearest.shape[0], -1)
        return classes.gather(1, nearest) == self.query_class

    def logits_for(self, vectors: Tensor) -> Tensor:
        """Logits `(T, R, C)` of the same queries against other vectors `(C, D)`."""
        if self._against is None:
            raise UserError("a head that fits a classifier has no logits of other vectors, so a queue cannot be added")
        return self._against(vectors)

    def masked(self, keep: Tensor) -> Logits:
        """The same logits without the columns where `keep`, bool `(T, R, C)`, is False."""
        values = self.values.masked_fill(~keep, MASKED)
        result = Logits(lambda: values, self.query_class, self.column_class, self.given, self._against)
        result.negative_seen = result.negative.any(-1)
        return result
