"""A ring buffer of past support embeddings: MoCo's queue."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EmbeddingQueue(nn.Module):
    """The last `size` pushed rows; part of the checkpoint, read without a device synchronization.

    It starts empty: unwritten slots are masked, so random rows never serve as negatives.
    """

    rows: Tensor
    pushed: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, dim))
        self.register_buffer("pushed", torch.zeros((), dtype=torch.int64))

    def read(self) -> tuple[Tensor, Tensor]:
        """The rows `(size, D)`, a copy, and bool `(size,)`: slots written so far."""
        size = len(self.rows)
        written = torch.arange(size, device=self.rows.device) < self.pushed
        return self.rows.clone(), written

    @torch.no_grad()
    def push(self, rows: Tensor) -> None:
        """Overwrite the oldest rows with `(..., D)`."""
        size, rows = len(self.rows), rows.detach().flatten(0, -2)
        self.pushed += max(0, len(rows) - size)
        rows = rows[-size:]
        slots = (self.pushed + torch.arange(len(rows), device=rows.device)) % size
        self.rows.index_copy_(0, slots, rows.to(self.rows.dtype))
        self.pushed += len(rows)
