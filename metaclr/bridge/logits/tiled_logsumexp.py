"""log-sum-exp of inner products in O(R D) memory: tile by tile, and once more in the backward.

The running maximum and sum of Milakov and Gimelshein 2018, arXiv:1805.02867; the recomputing backward of
FlashAttention (Dao et al. 2022, arXiv:2205.14135). The dense form holds several matrices `(T, R, C)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from metaclr.bridge.logits.first_order_only import first_order_only
from metaclr.bridge.logits.tiling import Columns, Sums, Tiling, VisibilityMask, spans


class Reduction(NamedTuple):
    """Reductions of each query's logits, all `(T, R)`."""

    log_sum_exp: Tensor
    largest: Tensor
    """The largest logit among all columns that the query may see, of any class; without gradient."""
    nearest: Tensor
    """int64, its column: of equal ones, the first; 0 where there is none."""


class Request(NamedTuple):
    """Options of a reduction: tile size, masks, and classes per task."""

    size: Tiling
    exclude_self: bool = False
    """Leave-one-out: row i must not see column i."""
    only: Columns = "all"
    query_class: Tensor | None = None
    """int64 `(T, R)`; None if `only` is "all"."""
    column_class: Tensor | None = None
    """int64 `(T, C)`; likewise."""

    def task(self, number: int) -> VisibilityMask:
        """The mask of one task."""
        if self.query_class is None or self.column_class is None:
            return VisibilityMask(self.exclude_self)
        return VisibilityMask(self.exclude_self, self.only, self.query_class[number], self.column_class[number])


def log_sum_exp_of_product(query: Tensor, column: Tensor, bias: Tensor | None, request: Request) -> Reduction:
    """Reduce the logits `query @ column.mT + bias` of queries `(T, R, D)`, columns `(T, C, D)`, bias `(T, C)`."""
    return Reduction(*_Product.apply(query, column, bias, request))


def log_sum_exp_of_square(rows: Tensor, bias: Tensor | None, request: Request) -> Reduction:
    """Reduce the symmetric logits `rows @ rows.mT + bias_i + bias_j` of rows `(T, R, D)` with bias `(T, R)`.

    Each tile above the diagonal serves its rows and its columns, which halves the work.
    """
    return Reduction(*_Square.apply(rows, bias, request))


class _Product(Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, column: Tensor, bias: Tensor | None, request: Request
    ) -> tuple[Tensor, Tensor, Tensor]:
        results = []
        for task in range(len(query)):
            seen, sums = request.task(task), Sums(query, query.shape[1])
            for rows, columns, tile in _tiles(query[task], column[task], _of(bias, task), seen, request.size):
                most = sums.look(tile, rows, 1, columns.start)
                most = tile.amax(1) if seen.hide_classes(tile, rows, columns) else most
                sums.add(tile, rows, 1, most, tile)
            results.append(sums.result())
        ctx.request = request
        return _keep(ctx, results, query, column, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        query, column, bias, result, base, total = ctx.saved_tensors
        with torch.no_grad():
            share = gradient / total.where(total > 0, 1)
            gradients = _to_product(query, column, bias, base, share, ctx.request, ctx.needs_input_grad)
        return first_order_only(result, (*gradients, None))


def _to_product(
    query: Tensor,
    column: Tensor,
    bias: Tensor | None,
    base: Tensor,
    share: Tensor,
    request: Request,
    needed: tuple[bool, ...],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of the inputs that need one; that of a logit is `exp(logit - base) share`, both `(T, R)`."""
    to_query = torch.zeros_like(query) if needed[0] else None
    to_column = torch.zeros_like(column) if needed[1] else None
    to_bias = torch.zeros_like(bias) if bias is not None and needed[2] else None
    weighted = query * share.unsqueeze(-1)
    for task in range(len(query)):
        seen = request.task(task)
        for rows, columns, tile in _tiles(query[task], column[task], _of(bias, task), seen, request.size):
            seen.hide_classes(tile, rows, columns)
            tile.sub_(base[task, rows].unsqueeze(1)).exp_()
            if to_query is not None:
                to_query[task, rows].addmm_(tile, column[task, columns])
            if to_column is not None:
                to_column[task, columns].addmm_(tile.T, weighted[task, rows])
            if to_bias is not None:
                to_bias[task, columns].addmv_(tile.T, share[task, rows])
    if to_query is not None:
        to_query *= share.unsqueeze(-1)
    return to_query, to_column, to_bias


class _Square(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, bias: Tensor | None, request: Request) -> tuple[Tensor, Tensor, Tensor]:
        results = []
        for task in range(len(rows)):
            seen, sums = request.task(task), Sums(rows, rows.shape[1])
            for rows_i, rows_j, tile, spare in _upper(rows[task], _of(bias, task), seen, request.size):
                sides = [(rows_i, 1, rows_j.start)] + [(rows_j, 0, rows_i.start)] * (rows_i != rows_j)
                most = [sums.look(tile, at, axis, first) for at, axis, first in sides]
                if seen.hide_classes(tile, rows_i, rows_j):
                    most = [tile.amax(axis) for _, axis, _ in sides]
                for (at, axis, _), largest in zip(sides, most, strict=True):
                    sums.add(tile, at, axis, largest, spare)
            results.append(sums.result())
        ctx.request = request
        return _keep(ctx, results, rows, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        rows, bias, result, base, total = ctx.saved_tensors
        with torch.no_grad():
            share = gradient / total.where(total > 0, 1)
            gradients = _to_square(rows, bias, base, share, ctx.request)
        return first_order_only(result, (*gradients, None))


def _to_square(
    rows: Tensor, bias: Tensor | None, base: Tensor, share: Tensor, request: Request
) -> tuple[Tensor, Tensor | None]:
    """The same; a logit is row i's and row j's: `exp(logit - base_i) share_i + exp(logit - base_j) share_j`."""
    to_rows = torch.zeros_like(rows)
    to_bias = None if bias is None else torch.zeros_like(bias)
    for task in range(len(rows)):
        seen = request.task(task)
        for rows_i, rows_j, tile, spare in _upper(rows[task], _of(bias, task), seen, request.size):
            seen.hide_classes(tile, rows_i, rows_j)
            torch.sub(tile, base[task, rows_j], out=spare).exp_().mul_(share[task, rows_j])
            tile.sub_(base[task, rows_i].unsqueeze(1)).exp_().mul_(share[task, rows_i].unsqueeze(1)).add_(spare)
            to_rows[task, rows_i].addmm_(tile, rows[task, rows_j])
            if to_bias is not None:
                to_bias[task, rows_i] += tile.sum(1)
            if rows_i == rows_j:
                continue
            to_rows[task, rows_j].addmm_(tile.T, rows[task, rows_i])
            if to_bias is not None:
                to_bias[task, rows_j] += tile.sum(0)
    return to_rows, to_bias


def _keep(ctx: Any, results: list[tuple[Tensor, ...]], *inputs: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Stack the tasks' results and save what the backward needs."""
    result, largest, nearest, base, total = (torch.stack(parts) for parts in zip(*results, strict=True))
    ctx.save_for_backward(*inputs, result, base, total)
    ctx.mark_non_differentiable(largest, nearest)
    return result, largest, nearest


def _of(bias: Tensor | None, task: int) -> Tensor | None:
    return None if bias is None else bias[task]


def _tiles(
    query: Tensor, column: Tensor, bias: Tensor | None, seen: VisibilityMask, size: Tiling
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Rows, columns and logits of every tile of `(R, C)`, all in the same buffer; a row does not see itself."""
    buffer = query.new_empty(min(size.rows, len(query)) * min(size.columns, len(column)))
    across = spans(len(column), size.columns)
    for rows in spans(len(query), size.rows):
        for columns in across:
            if not seen.empty(rows, columns):
                tile = _shaped(buffer, rows, columns)
                _fill(tile, query[rows], column[columns], None if bias is None else bias[columns])
                seen.hide_itself(tile, rows, columns)
                yield rows, columns, tile


def _upper(
    rows: Tensor, bias: Tensor | None, seen: VisibilityMask, size: Tiling
) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
    """The same for square tiles of `(R, R)` on and above the diagonal, with another buffer of their shape."""
    parts = spans(len(rows), min(size.rows, size.columns))
    one, other = rows.new_empty(2, parts[0].stop ** 2)
    for number, rows_i in enumerate(parts):
        for rows_j in parts[number:]:
            if not seen.empty(rows_i, rows_j):
                tile = _shaped(one, rows_i, rows_j)
                _fill(tile, rows[rows_i], rows[rows_j], None if bias is None else bias[rows_j])
                if bias is not None:
                    tile += bias[rows_i].unsqueeze(1)
                seen.hide_itself(tile, rows_i, rows_j)
                yield rows_i, rows_j, tile, _shaped(other, rows_i, rows_j)


def _shaped(buffer: Tensor, rows: slice, columns: slice) -> Tensor:
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return buffer[: height * width].view(height, width)


def _fill(tile: Tensor, query: Tensor, column: Tensor, bias: Tensor | None) -> None:
    """The logits of one tile."""
    if bias is None:
        torch.mm(query, column.T, out=tile)
    else:
        torch.addmm(bias, query, column.T, out=tile)
