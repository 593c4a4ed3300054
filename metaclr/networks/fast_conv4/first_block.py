"""Fast first block of Conv-4: batch norm without a pass over its feature map, the largest of the network.

The convolution is linear, so mean and variance of its output follow from the mean m and covariance S of the 3x3 input
patches, of length 9C: mean = w m, variance = w S w. Known before the convolution, they are folded into its weights;
convolution, pooling and their backward then process the batch in pieces that fit into the cache. It is exact: value,
gradient and running statistics equal those of the textbook order up to rounding. On a CPU this halves the time of the
first block; later blocks have too many channels, and inputs that need a gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metaclr.networks.fast_conv4.patch_moments import patch_moments
from metaclr.networks.fast_conv4.pooled_conv import pooled_conv
from metaclr.networks.fold_batch_norm import fold
from metaclr.networks.layout import is_eager

_MAX_CHANNELS = 3  # each pixel adds to the (9C)^2 entries of S


def can_use_fast_block(pixels: Tensor, conv: nn.Conv2d, norm: nn.Module) -> bool:
    """Whether `first_block` applies: at most 3 channels of raw pixels, plain batch norm, eager mode on a CPU.

    Not for SyncBatchNorm, whose statistics are over all ranks; not inside torch.compile, which fuses the textbook form;
    not inside transforms of torch.func, which cannot differentiate the piecewise pass.
    """
    return (
        pixels.device.type == "cpu"
        and pixels.shape[1] <= _MAX_CHANNELS
        and not pixels.requires_grad
        and type(norm) is nn.BatchNorm2d
        and norm.momentum is not None
        and is_eager()
    )


def can_pool_in_pieces(pixels: Tensor) -> bool:
    """Whether `pooled_conv_without_gradient` is faster: few channels on a CPU, without gradient, in eager mode."""
    return (
        pixels.device.type == "cpu" and pixels.shape[1] <= _MAX_CHANNELS and not torch.is_grad_enabled() and is_eager()
    )


def first_block(pixels: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """relu(max_pool(norm(conv(pixels)))) in training mode: (B, C, H, W) to (B, F, H / 2, W / 2)."""
    with torch.autocast("cpu", enabled=False):
        weight = conv.weight
        mean, variance = output_statistics(pixels.to(weight.dtype), weight)
        _update_running(norm, mean, variance, pixels.numel() // pixels.shape[1])
        weight, bias = fold(weight, norm, mean, variance)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        pixels, weight, bias = pixels.to(dtype), weight.to(dtype), bias.to(dtype)
    return pooled_conv(pixels, weight, bias)


def output_statistics(pixels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (F,) of conv2d(pixels, weight, padding=1) over B, H and W, from the patches alone."""
    mean, covariance = patch_moments(pixels)
    filters = weight.flatten(1)
    return filters @ mean, ((filters @ covariance) * filters).sum(1)


@torch.no_grad()
def _update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Update the running statistics as nn.BatchNorm2d does (unbiased variance)."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    momentum = norm.momentum or 0.0
    norm.running_mean.lerp_(mean, momentum)
    norm.running_var.lerp_(variance * (count / max(count - 1, 1)), momentum)
    norm.num_batches_tracked += 1
