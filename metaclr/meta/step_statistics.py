"""Running batch-norm statistics of each inner step (MAML++; Antoniou et al. 2019, arXiv:1810.09502, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from metaclr.meta.support_norm import Statistics


class StepStatistics(nn.Module):
    """For every step, and for the queries after the last: the running mean and variance of every batch norm."""

    def __init__(self, encoder: nn.Module, steps: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.widths = [m.num_features for m in encoder.modules() if isinstance(m, _BatchNorm)]
        self.momentum = momentum
        total = sum(self.widths)
        self.register_buffer("values", torch.stack([torch.zeros(steps + 1, total), torch.ones(steps + 1, total)], 1))
        self.values: Tensor

    def at(self, step: int) -> list[Statistics]:
        """Those of a step; the last are the queries', which later steps use too."""
        mean, variance = self.values[min(step, len(self.values) - 1)]
        return list(zip(mean.split(self.widths), variance.split(self.widths), strict=True))

    @torch.no_grad()
    def update(self, seen: Tensor) -> None:
        """Move towards the means of seen (T, steps + 1, 2, C), the statistics of T tasks."""
        self.values.lerp_(seen.mean(0).to(self.values.dtype), self.momentum)


def joined(statistics: Sequence[Statistics]) -> Tensor:
    """(2, C): means and variances of all norms behind each other."""
    return torch.stack([torch.cat([pair[i] for pair in statistics]) for i in range(2)])
