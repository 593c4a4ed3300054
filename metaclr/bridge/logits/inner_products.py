"""Logits that are inner products, reduced without ever being held whole: O(R D) memory instead of O(R C)."""

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
    """`(T, C, D)`; the same tensor as `query` where the logits are symmetric, bias and offset then being one too."""
    bias: Tensor | None
    """`(T, C)`; -inf for a column that nobody sees."""
    offset: Tensor | None
    """`(T, R)`"""
    size: Tiling
    exclude_self: bool = False
    written: Tensor | None = None
    """bool `(C,)`: the columns are nobody's and the same for all tasks, and these of them exist. Tasks are then one."""
    tasks: int = 1
    """How many they were."""

    @property
    def columns(self) -> int:
        """C"""
        return self.column.shape[1]

    def reduced(self, only: Columns, classes: Classes, times: float = 1.0) -> Reduction:
        """See `metaclr.bridge.logits.lazy_logits.LazyLogits`."""
        plain = only == "all" or self.written is not None  # nobody's columns are all others'
        request = Request(self.size, self.exclude_self)
        if not plain:
            request = Request(self.size, self.exclude_self, only, classes.query, classes.column)
        bias = self.bias if self.bias is None or times == 1 else self.bias * times
        if self.column is self.query:
            return log_sum_exp_of_square(self.query if times == 1 else self.query * times**0.5, bias, request)
        found = log_sum_exp_of_product(self.query if times == 1 else self.query * times, self.column, bias, request)
        if self.offset is not None:
            offset = self.offset * times
            found = Reduction(found.log_sum_exp + offset, found.largest + offset.detach(), found.nearest)
        if self.written is None:
            return found
        return Reduction(*(one.view(self.tasks, -1) for one in found))

    def visible(self) -> Tensor | int:
        """See `metaclr.bridge.logits.lazy_logits.LazyLogits`."""
        return (self.columns if self.written is None else self.written.sum()) - int(self.exclude_self)

    def positive_count(self, classes: Classes) -> Tensor:
        """How many columns of its own class each query may see, `(T, R)`."""
        return classes.count - int(self.exclude_self)

    def mean_positives(self, classes: Classes) -> Tensor:
        """Mean logit of the columns of the query's own class, `(T, R)`, 0 where there is none: by sums over classes."""
        count = self.positive_count(classes)
        total = _of_own_class(self.column, classes)
        values = (self.query * (total - self.column if self.exclude_self else total)).sum(-1)
        if self.bias is not None:
            biases = _of_own_class(self.bias.unsqueeze(-1), classes).squeeze(-1)
            values = values + (biases - self.bias if self.exclude_self else biases)
        mean = values / count.clamp(min=1)
        return (mean if self.offset is None else mean + self.offset).where(count > 0, 0)


def _of_own_class(columns: Tensor, classes: Classes) -> Tensor:
    """Sum of the columns `(T, C, D)` of each query's class, `(T, R, D)`."""
    dim = columns.shape[-1]
    sums = torch.zeros_like(columns).scatter_add(1, classes.first.unsqueeze(-1).expand(-1, -1, dim), columns)
    own = classes.query_index.clamp(max=columns.shape[1] - 1)
    return sums.gather(1, own.unsqueeze(-1).expand(-1, -1, dim)).where((classes.count > 0).unsqueeze(-1), 0)


def product(
    similarity: Similarity,
    query: Tensor,
    support: Tensor,
    scale: Tensor | float,
    exclude_self: bool = False,
    written: Tensor | None = None,
) -> Product | None:
    """The similarities of queries `(T, R, D)` to support `(T, C, D)` or `(C, D)` as a product to go over in tiles.

    None where the dense form is faster (`metaclr.bridge.logits.tiling.chosen`), or for a similarity that is not in
    `metaclr.heads.similarity`.

    Args:
        similarity: how alike two rows are.
        query: the queries; where `support` is the same tensor, the logits are symmetric and so is the work.
        support: the columns.
        scale: 1 / temperature.
        alone: leave-one-out, row i does not see column i.
        written: bool `(C,)`, columns that are there at all; None for all of them.
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
