"""Inner-product logits, reduced without storing the matrix: O(R D) memory instead of O(R C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge.logits.lazy_logits import Classes
from metaclr.bridge.logits.tiled_logsumexp import Reduction, Request, log_sum_exp_of_product, log_sum_exp_of_square
from metaclr.bridge.logits.tiling import MASKED, Columns, Tiling, chosen
from metaclr.heads.similarity import Similarity, cosine, dot, semi_normalized, squared_euclidean


@dataclass(frozen=True)
class Product:
    """`query @ column.mT + bias + offset`; with leave-one-out, row i does not see column i."""

    query: Tensor
    """`(T, R, D)`"""
    column: Tensor
    """`(T, C, D)`; the same tensor as `query` if the logits are symmetric; then bias is offset too."""
    bias: Tensor | None
    """`(T, C)`; -inf for a column masked for every query."""
    offset: Tensor | None
    """`(T, R)`"""
    size: Tiling
    exclude_self: bool = False
    written: Tensor | None = None
    """bool `(C,)`: queue slots in use. Queue columns have no class and serve all tasks, which are flattened to one."""
    tasks: int = 1
    """Number of tasks before flattening."""

    @property
    def columns(self) -> int:
        """C"""
        return self.column.shape[1]

    def reduced(self, only: Columns, classes: Classes, times: float = 1.0) -> Reduction:
        """See `metaclr.bridge.logits.lazy_logits.LazyLogits`."""
        plain = only == "all" or self.written is not None  # queue columns are negatives of every query
        request = Request(self.size, self.exclude_self)
        if not plain:
            request = Request(self.size, self.exclude_self, only, classes.query, classes.column)
        bias = self.bias if self.bias is None or times == 1 else self.bias * times
        if self.column is self.query:
            return log_sum_exp_of_square(self.query if times == 1 else self.query * times**0.5, bias, request)
        reduction = log_sum_exp_of_product(self.query if times == 1 else self.query * times, self.column, bias, request)
        if self.offset is not None:
            offset = self.offset * times
            reduction = Reduction(
                reduction.log_sum_exp + offset, reduction.largest + offset.detach(), reduction.nearest
            )
        if self.written is None:
            return reduction
        return Reduction(*(one.view(self.tasks, -1) for one in reduction))

    def visible(self) -> Tensor | int:
        """See `metaclr.bridge.logits.lazy_logits.LazyLogits`."""
        return (self.columns if self.written is None else self.written.sum()) - int(self.exclude_self)

    def positive_count(self, classes: Classes) -> Tensor:
        """Number of positives of each query, `(T, R)`."""
        return classes.count - int(self.exclude_self)

    def mean_positives(self, classes: Classes) -> Tensor:
        """Mean logit of each query's positives, `(T, R)`, 0 if it has none: by sums over classes."""
        count = self.positive_count(classes)
        total = _sum_over_class(self.column, classes)
        values = (self.query * (total - self.column if self.exclude_self else total)).sum(-1)
        if self.bias is not None:
            biases = _sum_over_class(self.bias.unsqueeze(-1), classes).squeeze(-1)
            values = values + (biases - self.bias if self.exclude_self else biases)
        mean = values / count.clamp(min=1)
        return (mean if self.offset is None else mean + self.offset).where(count > 0, 0)


def _sum_over_class(columns: Tensor, classes: Classes) -> Tensor:
    """Sum of the columns `(T, C, D)` of each query's class, `(T, R, D)`."""
    dim = columns.shape[-1]
    sums = torch.zeros_like(columns).scatter_add(1, classes.first.unsqueeze(-1).expand(-1, -1, dim), columns)
    index = classes.query_index.clamp(max=columns.shape[1] - 1)
    return sums.gather(1, index.unsqueeze(-1).expand(-1, -1, dim)).where((classes.count > 0).unsqueeze(-1), 0)


def product(
    similarity: Similarity,
    query: Tensor,
    support: Tensor,
    scale: Tensor | float,
    exclude_self: bool = False,
    written: Tensor | None = None,
) -> Product | None:
    """The similarities of queries `(T, R, D)` to support `(T, C, D)` or `(C, D)` as a tiled product.

    None where the dense form is faster (`metaclr.bridge.logits.tiling.chosen`), or for a similarity that is not in
    `metaclr.heads.similarity`.

    Args:
        similarity: of two rows.
        query: the queries; where `support` is the same tensor, the logits are symmetric and so is the work.
        support: the columns.
        scale: 1 / temperature.
        exclude_self: leave-one-out, row i does not see column i.
        written: bool `(C,)`, queue slots in use; None for columns that all exist.
    """
    tasks = len(query)
    if written is not None:
        query, support = query.flatten(0, 1).unsqueeze(0), support.unsqueeze(0)
    size = chosen(query, support.shape[-2])
    if size is None or similarity not in (dot, cosine, semi_normalized, squared_euclidean):
        return None
    if query is support and similarity is not semi_normalized:
        return _square(similarity, query, scale, size, exclude_self)
    bias: Tensor | None = None
    offset: Tensor | None = None
    if similarity is squared_euclidean:
        bias, offset = -scale * support.square().sum(-1), -scale * query.square().sum(-1)
        scale = 2 * scale
    elif similarity is not dot:
        support = F.normalize(support, dim=-1)
        query = F.normalize(query, dim=-1) if similarity is cosine else query
    if written is not None:
        bias = (support.new_zeros(support.shape[:2]) if bias is None else bias).masked_fill(~written, MASKED)
    return Product(query * scale, support, bias, offset, size, exclude_self, written, tasks)


def _square(similarity: Similarity, query: Tensor, scale: Tensor | float, size: Tiling, exclude_self: bool) -> Product:
    """Rows against themselves: half of the scale goes onto either side, so that the logits stay symmetric."""
    root = scale**0.5
    if similarity is squared_euclidean:
        shift = -scale * query.square().sum(-1)
        rows = query * (2**0.5 * root)
        return Product(rows, rows, shift, shift, size, exclude_self)
    rows = (F.normalize(query, dim=-1) if similarity is cosine else query) * root
    return Product(rows, rows, None, None, size, exclude_self)
