"""Nearest neighbors of every image, as the result of a clustering: row k holds the k-th neighbor of each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.errors import UserError

_CELLS = 1 << 22
"""Similarities at a time."""


@dataclass(frozen=True)
class Neighbors:
    """The `count` nearest other images by dot product (cosine, where features have unit norm)."""

    count: int = 5

    @property
    def partitions(self) -> int:
        """Rows of the result."""
        return self.count

    def fit(self, rows: Tensor, key: int) -> Tensor:
        """Image ids int64 (count, M), nearest first; on the CPU. key: nothing is random.

        Raises:
            UserError: no more images than `count`.
        """
        if len(rows) <= self.count:
            raise UserError(f"{self.count} neighbors need more images than that, got {len(rows)}")
        points = rows.detach().float()
        found = []
        for block in torch.split(torch.arange(len(points), device=points.device), max(1, _CELLS // len(points))):
            similar = points[block] @ points.T
            similar[torch.arange(len(block), device=points.device), block] = -torch.inf
            found.append(similar.topk(self.count, dim=1).indices)
        return torch.cat(found).T.contiguous().cpu()
