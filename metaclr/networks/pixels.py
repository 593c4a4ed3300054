"""The control of every table: pixels as features."""

from __future__ import annotations

from torch import Tensor, nn


class Pixels(nn.Module):
    """Pixels (B, C, H, W) as features (B, C * H * W); it has no parameters."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F)."""
        return pixels.flatten(1)


def pixels(channels: int, size: int) -> Pixels:
    """The control for images (C, H, W), H = W = size."""
    return Pixels(channels * size * size)
