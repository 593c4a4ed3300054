"""Logits computed on demand, without storing the (R, C) matrix, and the reductions they support."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from metaclr.bridge.logits.log_sum_exp import log_sum_exp
from metaclr.bridge.logits.tiled_logsumexp import Reduction
from metaclr.bridge.logits.tiling import MASKED, Columns


@dataclass(frozen=True)
class Classes:
    """Class of each query and of each column."""

    query: Tensor
    """int64 `(T, R)`"""
    column: Tensor
    """int64 `(T, C)`; -1 for no class, always a negative."""

    @cached_property
    def first(self) -> Tensor:
        """int64 `(T, C)`: for each column, a number below C shared by the columns of its class."""
        return torch.searchsorted(self._sorted, self.column.contiguous())

    @cached_property
    def query_index(self) -> Tensor:
        """The same number for each query's class, `(T, R)`; C or another class's number if no column has it."""
        return torch.searchsorted(self._sorted, self.query.contiguous())

    @cached_property
    def count(self) -> Tensor:
        """int64 `(T, R)`: columns of the query's class."""
        return torch.searchsorted(self._sorted, self.query.contiguous(), right=True) - self.query_index

    @cached_property
    def _sorted(self) -> Tensor:
        return self.column.sort(-1).values


class LazyLogits(Protocol):
    """Logits `(T, R, C)` without the matrix."""

    @property
    def columns(self) -> int:
        """C"""

    def reduced(self, only: Columns, classes: Classes, times: float = 1.0) -> Reduction:
        """log-sum-exp of `times` the logits over the columns that `only` selects."""

    def visible(self) -> Tensor | int:
        """Number of unmasked columns of each query."""


@dataclass(frozen=True)
class DenseLogits:
    """A small dense block `(T, R, C)` without masks, to concatenate with lazy ones."""

    values: Tensor

    @property
    def columns(self) -> int:
        """C"""
        return self.values.shape[-1]

    def reduced(self, only: Columns, classes: Classes, times: float = 1.0) -> Reduction:
        """See `LazyLogits`."""
        largest, nearest = self.values.detach().max(-1)
        values = self.values * times
        if only != "all":
            same = classes.query.unsqueeze(-1) == classes.column.unsqueeze(-2)
            values = values.masked_fill(~same if only == "positives" else same, MASKED)
        return Reduction(log_sum_exp(values), largest * times, nearest)

    def visible(self) -> int:
        """See `LazyLogits`."""
        return self.columns


@dataclass(frozen=True)
class ConcatenatedLogits:
    """The columns of `one`, then those of `other`."""

    one: LazyLogits
    other: LazyLogits

    @property
    def columns(self) -> int:
        """C"""
        return self.one.columns + self.other.columns

    def _split(self, classes: Classes) -> tuple[Classes, Classes]:
        width = self.one.columns
        return (
            replace(classes, column=classes.column[:, :width].contiguous()),
            replace(classes, column=classes.column[:, width:].contiguous()),
        )

    def reduced(self, only: Columns, classes: Classes, times: float = 1.0) -> Reduction:
        """See `LazyLogits`."""
        parts = [
            part.reduced(only, c, times) for part, c in zip((self.one, self.other), self._split(classes), strict=True)
        ]
        further = parts[1].largest > parts[0].largest
        return Reduction(
            log_sum_exp(torch.stack([part.log_sum_exp for part in parts], -1)),
            torch.maximum(parts[0].largest, parts[1].largest),
            torch.where(further, parts[1].nearest + self.one.columns, parts[0].nearest),
        )

    def visible(self) -> Tensor | int:
        """See `LazyLogits`."""
        return self.one.visible() + self.other.visible()
