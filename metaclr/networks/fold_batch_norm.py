"""Folding of a batch norm into the convolution before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight (F, C, 3, 3) and bias (F,) of the convolution that equals `norm(conv(x))` with running statistics."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("only a batch norm with running statistics can be folded; build it with track_running_stats")
    return fold(conv.weight, norm, norm.running_mean, norm.running_var)


def fold(weight: Tensor, norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """As `folded`, for any mean and variance (F,) of the convolution's output; differentiable in all of them."""
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return weight * scale.view(-1, 1, 1, 1), norm.bias - mean * scale
