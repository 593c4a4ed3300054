"""Batch normalization over the rows of all ranks. torch.nn.SyncBatchNorm needs a GPU; this one runs with gloo too."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from metaclr.bridge.logits.upcast import upcast
from metaclr.engine.distributed import ranks


class SyncBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Replaces nn.BatchNorm1d and 2d, rows (B, C) or (B, C, H, W): mean and variance are over all ranks' rows."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        return

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalize; in training mode with the statistics of the global batch (Ioffe and Szegedy 2015)."""
        if ranks().world == 1 or not self.training:
            return super().forward(input)
        rows = upcast(input)
        axes = [0, *range(2, rows.ndim)]
        count = rows.new_full((1,), rows.numel() // rows.shape[1])
        sums = _sum_over_ranks(torch.cat([rows.sum(axes), count]))
        total = sums[-1]
        mean = sums[:-1] / total
        # Two passes: E[x^2] - E[x]^2 would lose digits, and several ranks would differ from one.
        shape = (1, -1, *[1] * (rows.ndim - 2))
        centered = rows - mean.view(shape)
        variance = _sum_over_ranks(centered.square().sum(axes)) / total
        self._update_running(mean.detach(), (variance * total / (total - 1)).detach())
        out = centered * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            out = torch.addcmul(self.bias.view(shape), out, self.weight.view(shape))
        return out.to(input.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _sum_over_ranks(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)
    return summed


class _Sum(torch.autograd.Function):
    """Sum over ranks; the gradient too is the sum over ranks."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def share_norms(module: nn.Module) -> None:
    """Replace every BatchNorm inside `module` by one over all ranks, with the same parameters and buffers.

    On a GPU this is torch.nn.SyncBatchNorm, a fused kernel.
    """
    for name, child in module.named_children():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            setattr(module, name, _shared(child))
        else:
            share_norms(child)


def _shared(norm: nn.Module) -> nn.Module:
    if next(iter(norm.state_dict().values()), torch.empty(0)).is_cuda:
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(norm))  # type: ignore[no-untyped-call]
    # Only the class changes, so optimizers and checkpoints of the module stay valid.
    norm.__class__ = SyncBatchNorm
    return norm
