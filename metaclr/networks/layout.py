"""The memory layout that convolutions like."""

from __future__ import annotations

import torch
from torch import Tensor


def inside_transform() -> bool:
    """Whether one of torch.func's transforms (vmap, grad) is at work. The question is private in torch."""
    return bool(torch._C._are_functorch_transforms_active())


def channels_last(pixels: Tensor) -> Tensor:
    """Pixels (B, C, H, W) in channels_last.

    With one channel both layouts hold the same bytes; only the strides tell convolutions which one is meant, and
    `.contiguous` leaves them as they are. Inside vmap, which knows no layouts, they stay what they are.
    """
    if inside_transform():
        return pixels
    _, channels, height, width = pixels.shape
    if channels == 1:
        return pixels.contiguous().as_strided(pixels.shape, (height * width, 1, width, 1))
    return pixels.contiguous(memory_format=torch.channels_last)
