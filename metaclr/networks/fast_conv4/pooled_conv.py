"""Convolution, max-pool and ReLU on raw pixels, in pieces of the batch that fit into the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from metaclr.networks.layout import channels_last

_PIECE = 1 << 21  # elements of a feature map that fit into the cache together with their gradient
_PIECE_ALONE = 3 << 18  # and without; 75 images of 28 pixels took 16 % longer in one piece, and 87 % in bf16


def pieces(pixels: Tensor, width: int, most: int = _PIECE) -> Iterator[slice]:
    """Slices of the batch with at most `most` elements (at least one image) in a map of `width` channels."""
    batch, _, height, pixel_width = pixels.shape
    length = max(1, most // (width * height * pixel_width))
    return (slice(start, start + length) for start in range(0, batch, length))


def pooled_conv(pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """relu(max_pool2d(conv2d(pixels, weight, bias, padding=1), 2)): (B, C, H, W) to (B, F, H / 2, W / 2).

    Differentiable twice (MAML) in weight (F, C, 3, 3) and bias (F,), not in the pixels.
    """
    maps: Tensor = _PooledConv.apply(pixels, weight, bias)
    return maps


def pooled_conv_without_gradient(pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `pooled_conv`, under autocast too; not differentiable."""
    return torch.cat([_plain(pixels[piece], weight, bias) for piece in pieces(pixels, len(weight), _PIECE_ALONE)])


def _plain(pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.relu(F.max_pool2d(F.conv2d(pixels, weight, bias, padding=1), 2))


class _PooledConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        pixels, kernel = channels_last(pixels), channels_last(weight)
        batch, _, height, width = pixels.shape
        shape = (batch, len(weight), height // 2, width // 2)
        out = torch.empty(shape, dtype=weight.dtype, memory_format=torch.channels_last)
        where = []
        for piece in pieces(pixels, len(weight)):
            full = F.conv2d(pixels[piece], kernel, bias, padding=1)
            index = torch.empty_like(out[piece], dtype=torch.int64)
            torch.ops.aten.max_pool2d_with_indices.out(full, [2, 2], out=out[piece], indices=index)
            out[piece].relu_()
            where.append(index)
        ctx.save_for_backward(pixels, weight, bias, out, *where)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        pixels, weight, bias, out, *where = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: this gradient will be differentiated, so let autograd compute it
            again = _plain(pixels, weight, bias)
            return (None, *torch.autograd.grad(again, (weight, bias), grads[0], create_graph=True))
        grad = torch.ops.aten.threshold_backward(channels_last(grads[0]), out, 0)
        total = torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
        for piece, index in zip(pieces(pixels, len(weight)), where, strict=True):
            total += _weight_gradient(pixels[piece], weight, grad[piece], index)
        return None, total.to(weight.dtype), grad.sum((0, 2, 3))


def _weight_gradient(pixels: Tensor, weight: Tensor, grad: Tensor, index: Tensor) -> Tensor:
    """Gradient (F, C, 3, 3) of the weight from that of the pooled map (B, F, H / 2, W / 2) of one piece."""
    shape = (len(pixels), len(weight), *pixels.shape[2:])
    full = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last)  # only its shape is read
    spread = torch.ops.aten.max_pool2d_with_indices_backward(grad, full, [2, 2], [2, 2], [0, 0], [1, 1], False, index)
    gradient: Tensor = conv2d_weight(pixels, weight.shape, spread, padding=1)  # type: ignore[no-untyped-call]
    return gradient
