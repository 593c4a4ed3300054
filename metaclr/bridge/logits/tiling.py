"""Tiles of a logit matrix that is never stored: tile size, masks, and running sums over tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

MASKED = float("-inf")  # the logit of a masked column: the query's own row, an empty queue slot

Columns = Literal["all", "positives", "negatives"]
"""All unmasked columns, the query's positives, or its negatives."""


class Tiling(NamedTuple):
    """When to use tiles, and how large they are."""

    rows: int
    columns: int
    above: int
    """Bytes of the logits `(T, R, C)` above which they are computed in tiles."""


# CPU: a tile stays in the cache of a core, and from 2,048 rows on tiles are the faster ones.
# GPU: a tile is enough work for one launch, and up to 8,192 rows the dense form fits and has fewer launches.
ON_CPU = Tiling(512, 512, 8 << 20)
ON_GPU = Tiling(2048, 8192, 256 << 20)

FEW = 256
"""Rows or columns of a task below which the dense form is used: its logits are no larger than its embeddings."""

_forced: ContextVar[Tiling | None] = ContextVar("tiling", default=None)


@contextmanager
def tiling(rows: int = 512, columns: int = 512, above: int = 0) -> Iterator[None]:
    """Inside the block, use tiles of this size above `above` bytes of logits; by default always.

    `above=sys.maxsize` is the dense form. The backward uses the forward's choice.
    """
    token = _forced.set(Tiling(rows, columns, above))
    try:
        yield
    finally:
        _forced.reset(token)


def chosen(query: Tensor, columns: int) -> Tiling | None:
    """The tiles for queries `(T, R, D)` against so many columns; None if the dense form is faster."""
    tasks, rows = query.shape[:2]
    forced = _forced.get()
    size = forced or (ON_GPU if query.is_cuda else ON_CPU)
    small = forced is None and min(rows, columns) < FEW
    return None if small or tasks * rows * columns * query.element_size() <= size.above else size


def spans(total: int, length: int) -> list[slice]:
    """Consecutive slices that cover `total`; the last may be shorter."""
    return [slice(start, min(start + length, total)) for start in range(0, total, length)]


@dataclass(frozen=True)
class VisibilityMask:
    """Which columns each query of one task sees: `exclude_self` hides its own row, `only` selects by class."""

    exclude_self: bool = False
    only: Columns = "all"
    query_class: Tensor | None = None
    """int64 `(R,)`"""
    column_class: Tensor | None = None
    """int64 `(C,)`"""

    def hide_itself(self, tile: Tensor, rows: slice, columns: slice) -> None:
        """Put `MASKED` where row and column are the same, in leave-one-out."""
        start, stop = max(rows.start, columns.start), min(rows.stop, columns.stop)
        if self.exclude_self and start < stop:
            both = tile[start - rows.start : stop - rows.start, start - columns.start : stop - columns.start]
            both.diagonal().fill_(MASKED)

    def hide_classes(self, tile: Tensor, rows: slice, columns: slice) -> bool:
        """Mask the columns that `only` excludes; returns False if nothing was masked."""
        if self.only == "all" or self.query_class is None or self.column_class is None:
            return False
        query_class, column_class = self.query_class[rows], self.column_class[columns]
        if self.only == "negatives" and not _may_overlap(query_class, column_class):
            return False
        same = query_class.unsqueeze(1) == column_class
        tile.masked_fill_(same if self.only == "negatives" else ~same, MASKED)
        return True

    def empty(self, rows: slice, columns: slice) -> bool:
        """Whether every column of the tile is certainly masked."""
        if self.only != "positives" or self.query_class is None or self.column_class is None:
            return False
        return not _may_overlap(self.query_class[rows], self.column_class[columns])


def _may_overlap(one: Tensor, other: Tensor) -> bool:
    """Whether the ranges of two class tables overlap; always True on a GPU, where the check would synchronize."""
    if one.is_cuda:
        return True
    (low, high), (least, most) = one.aminmax(), other.aminmax()
    return bool(low <= most) and bool(least <= high)


class Sums:
    """Per query of one task: the running log-sum-exp of the tiles so far, and the nearest column."""

    def __init__(self, like: Tensor, rows: int) -> None:
        self.most = like.new_full((rows,), MASKED)
        self.total = like.new_zeros(rows)
        self.largest = like.new_full((rows,), MASKED)
        self.nearest = torch.zeros(rows, dtype=torch.int64, device=like.device)

    def look(self, tile: Tensor, at: slice, axis: int, first: int) -> Tensor:
        """Update the nearest column (`first`: index of the tile's first one); returns the tile's largest values."""
        values, places = tile.max(axis)
        better = values > self.largest[at]  # strictly: of equal ones, the first counts
        self.nearest[at] = torch.where(better, places + first, self.nearest[at])
        self.largest[at] = torch.maximum(self.largest[at], values)
        return values

    def add(self, tile: Tensor, at: slice, axis: int, most: Tensor, out: Tensor) -> None:
        """Add the exponentials of a tile, whose largest values are `most`; `out` receives them."""
        before = self.most[at]
        now = torch.maximum(before, most)
        base = finite(now)
        torch.sub(tile, base.unsqueeze(axis), out=out).exp_()
        self.total[at] = self.total[at] * (before - base).exp_() + out.sum(axis)
        self.most[at] = now

    def result(self) -> tuple[Tensor, ...]:
        """log-sum-exp `(R,)`, -inf if all columns were masked; the largest logit and its column; base and total.

        A softmax is `exp(logit - base) / total`: by the log-sum-exp itself it would be off by the rounding of that.
        """
        base = finite(self.most)
        return self.total.log() + base, self.largest, self.nearest, base, self.total


def finite(values: Tensor) -> Tensor:
    """The values with 0 for -inf, to subtract from logits that may be -inf too."""
    return values.where(values != MASKED, 0)
