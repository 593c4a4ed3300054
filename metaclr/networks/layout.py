"""The memory layout that convolutions like."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(pixels: Tensor) -> Tensor:
    """Pixels (B, C, H, W) in channels_last.

    With one channel both layouts hold the same bytes; only the strides tell convolutions which one is meant, and
    `.contiguous` leaves them as they are.
    """
    _, channels, height, width = pixels.shape
    if channels == 1:
        return pixels.contiguous().as_strided(pixels.shape, (height * width, 1, width, 1))
    return pixels.contiguous(memory_format=torch.channels_last)
