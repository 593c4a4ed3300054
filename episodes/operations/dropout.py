"""Pixel dropout: single pixels lost to black, each on its own."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes import random


def pixel_noise(key: int | Tensor, items: Tensor, height: int, width: int) -> Tensor:
    """Noise (B, 1, H, W), int16, uniform over all its values: a pure function of (key, item, pixel).

    Four pixels share one 64-bit draw. items: (B,) int64.
    """
    draws = -(-height * width // 4)
    cells = items.unsqueeze(1) * draws + torch.arange(draws, device=items.device)
    noise = random.random_words(key, cells).view(torch.int16)
    return noise[:, : height * width].reshape(-1, 1, height, width)


def drop_pixels(images: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """Set a `share` (B,) of the pixels to black, in all channels at once. noise (B, 1, H, W) int16 says which."""
    threshold = (share * 65536).round().clamp(0, 65536) - 32769  # -32769 drops none; 32767 drops all
    kept = noise > threshold.to(torch.int32).view(-1, 1, 1, 1)
    return images * kept.to(images.dtype)
