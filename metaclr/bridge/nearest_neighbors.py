"""Axis 1, nearest neighbors: a way's key is replaced by the past row nearest to it, which then asks for its views."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding_queue import EmbeddingQueue
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class NearestNeighbors:
    """Positives beyond a way's own views (NNCLR, Dwibedi et al. 2021, arXiv:2104.14548)."""

    size: int = 98304  # the paper's

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UserError(f"labels.size = {self.size} must be at least 1")

    def module(self, sizes: Sizes) -> nn.Module:
        """The module with the queue's rows."""
        return NearestNeighborLookup(self, sizes)


class NearestNeighborLookup(nn.Module):
    """Swaps the roles: the neighbors of the support `(T, N, K, D)` are the queries, and the queries its columns.

    The paper's softmax is over predictions, with one row for each neighbor. Before the first push, a key is its own
    neighbor.
    """

    def __init__(self, settings: NearestNeighbors, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        self.queue = EmbeddingQueue(settings.size, sizes.dim)

    def forward(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        rows, written = self.queue.read()
        with torch.no_grad():
            keys = assignment.support.to(rows.dtype)
            nearest = rows[(keys @ rows.T).masked_fill(~written, float("-inf")).argmax(-1)]
            nearest = torch.where(written.any(), nearest, keys)
        if self.training:
            self.queue.push(keys)
        return replace(assignment, query=nearest.to(assignment.query.dtype), support=assignment.query), None
