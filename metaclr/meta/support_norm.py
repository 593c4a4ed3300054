"""Batch norm by the statistics of an episode's support, so that queries are normalized independently of each other."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from metaclr.bridge.logits.upcast import upcast

Statistics = tuple[Tensor, Tensor]
"""Mean and biased variance (C,) of the channels that enter a batch norm."""


class SupportNorm(nn.Module):
    """Normalizes a batch by mean and variance of its first `n_support` rows; weight and bias are the batch norm's.

    In an inner loop the batch is the support alone; for predictions the queries follow it. `fixed` replaces the
    statistics of the batch. `seen` are those of the last call, without gradient, if `record` is set.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight: Tensor | None = norm.weight
        self.bias: Tensor | None = norm.bias
        self.eps = norm.eps
        self.n_support = 0
        self.fixed: Statistics | None = None
        self.record = False
        self.seen: Statistics | None = None

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        if self.fixed is not None:
            return F.batch_norm(maps, *self.fixed, self.weight, self.bias, training=False, eps=self.eps)
        support, axes = maps[: self.n_support], [0, *range(2, maps.ndim)]
        if self.n_support == len(maps):  # the fused kernel, with its gradient through the statistics
            out, mean, inverse = torch.native_batch_norm(
                maps, self.weight, self.bias, None, None, training=True, momentum=0.0, eps=self.eps
            )
            if self.record:
                self.seen = mean.detach(), inverse.detach().square().reciprocal() - self.eps
            return out
        if self.record:
            variance, mean = torch.var_mean(upcast(support.detach()), axes, correction=0)
            self.seen = mean, variance
        variance, mean = torch.var_mean(support, axes, correction=0)
        shape = (-1, *[1] * (maps.ndim - 2))
        scale = torch.rsqrt(variance + self.eps)
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        return maps * scale.view(shape) + shift.view(shape)


def with_support_norm(encoder: nn.Module) -> tuple[nn.Module, list[SupportNorm]]:
    """A copy of the encoder in training mode (see `copy_of`), every batch norm replaced; and the new modules."""
    copy = copy_of(encoder).train()
    norms: list[SupportNorm] = []
    for parent in list(copy.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                norms.append(SupportNorm(child))
                setattr(parent, name, norms[-1])
    return copy, norms


def copy_of(encoder: nn.Module) -> nn.Module:
    """A copy of the modules, with the encoder's own parameters and batch-norm statistics."""
    norms = (buffer for module in encoder.modules() if isinstance(module, _BatchNorm) for buffer in module.buffers())
    return deepcopy(encoder, {id(tensor): tensor for tensor in (*encoder.parameters(), *norms)})
