"""Batch norm with the statistics of the support: queries are normalized without knowledge of each other."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SupportNorm(nn.Module):
    """Normalizes a batch by mean and variance of its first `n_support` rows; weight and bias are the batch norm's.

    In an inner loop the batch is the support alone, as in training; for predictions, without gradient, the queries
    follow it.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight: Tensor | None = norm.weight
        self.bias: Tensor | None = norm.bias
        self.eps = norm.eps
        self.n_support = 0

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        if self.n_support == len(maps):  # the fused kernel, with its gradient through the statistics
            return F.batch_norm(maps, None, None, self.weight, self.bias, training=True, eps=self.eps)
        support = maps[: self.n_support]
        variance, mean = torch.var_mean(support, [0, *range(2, maps.ndim)], correction=0)
        return F.batch_norm(maps, mean, variance, self.weight, self.bias, training=False, eps=self.eps)


def with_support_norm(encoder: nn.Module) -> tuple[nn.Module, list[SupportNorm]]:
    """A copy of the encoder in training mode, every batch norm replaced; and the new modules."""
    copy = deepcopy(encoder).train()
    norms: list[SupportNorm] = []
    for parent in list(copy.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                norms.append(SupportNorm(child))
                setattr(parent, name, norms[-1])
    return copy, norms
