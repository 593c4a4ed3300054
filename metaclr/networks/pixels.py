"""The control of every table: pixels as features."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

MAX_FEATURES = 1024
"""Larger images are averaged down: evaluators would spend more on their pixels than on the features of an encoder."""


class Pixels(nn.Module):
    """Pixels (B, C, H, W) as features (B, C * side * side), by averaging. Nothing to train."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side, self.features = side, channels * side * side

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F)."""
        if pixels.shape[-1] != self.side:
            pixels = F.interpolate(pixels, size=(self.side, self.side), mode="area")
        return pixels.flatten(1)


def side_of(channels: int, size: int) -> int:
    """The side of the pixels control's images, for images of size x size pixels: at most `MAX_FEATURES` features."""
    return min(size, int((MAX_FEATURES / channels) ** 0.5))


def pixels(channels: int, size: int) -> Pixels:
    """The pixels of images (C, H, W), H = W = size."""
    return Pixels(channels, side_of(channels, size))
