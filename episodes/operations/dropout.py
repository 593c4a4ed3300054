"""Pixel dropout: single pixels set to black, independently of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes import random
from episodes.operations.operation import Operation, Parameters, Range, interval
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Dropout(Operation):
    """dropout: share of the pixels that are set to black."""

    dropout: Range = interval((0.0, 0.0), 0.0, 1.0, "shares of the pixels, 0 to 1")

    slots: ClassVar[Mapping[str, int]] = {"dropout": 28}
    streams: ClassVar[tuple[str, ...]] = ("views: dropout",)

    def is_active(self, channels: int) -> bool:
        """Whether any view loses pixels."""
        return self.dropout[1] > 0

    def draw(self, rows: Rows) -> Parameters:
        """dropout (B,), the share; noise (B,) int64, from which `apply` derives the pixels."""
        return {"dropout": rows.uniform("dropout", *self.dropout), "noise": rows.items}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `drop_pixels`."""
        noise = pixel_noise(keys["views: dropout"], drawn["noise"], *images.shape[-2:])
        return drop_pixels(images, noise, drawn["dropout"])


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
    remains = noise > threshold.to(torch.int32).view(-1, 1, 1, 1)
    return images * remains.to(images.dtype)
