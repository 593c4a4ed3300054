"""A network from images and noise to changes of their pixels (Tamkin et al. 2021, alextamkin/viewmaker)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Noise = Callable[[int, int, int], Tensor]
"""(place in the network, height, width) to uniform noise (B, 1, height, width)."""

BLOCKS = 3
MIN_SIDE = 8
"""Pixels of an image: reflected padding takes 4 of them on each side."""


class Viewmaker(nn.Module):
    """The style-transfer network of Johnson et al. 2016 with a channel of noise at its input and before each block.

    Instance norms, reflected padding, nearest upsampling; the widths are the authors'.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.ModuleList([_conv(channels + 1, 32, 9), _conv(32, 64, 3, 2), _conv(64, 128, 3, 2)])
        self.blocks = nn.ModuleList(_Block(129 + i) for i in range(BLOCKS))
        self.up = nn.ModuleList([_conv(128 + BLOCKS, 64, 3), _conv(64, 32, 3)])
        self.out = nn.Conv2d(32, channels, 9, padding=4, padding_mode="reflect")

    def forward(self, images: Tensor, noise: Noise) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to changes in (-1, 1) of the same shape."""
        rows = torch.cat([images, noise(0, *images.shape[-2:]).to(images.dtype)], 1)
        sizes = []
        for layer in self.down:
            sizes.append(rows.shape[-2:])
            rows = layer(rows)
        for place, block in enumerate(self.blocks, start=1):
            rows = block(torch.cat([rows, noise(place, *rows.shape[-2:]).to(rows.dtype)], 1))
        for layer, size in zip(self.up, (sizes[2], sizes[1]), strict=True):
            rows = layer(F.interpolate(rows, size=size, mode="nearest"))
        return torch.tanh(self.out(rows))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width, 3)
        self.second = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(width, affine=True)

    def forward(self, rows: Tensor) -> Tensor:
        changed: Tensor = self.norm(self.second(self.first(rows)))
        return rows + changed


def _conv(before: int, after: int, side: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, padding=side // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(after, affine=True),
        nn.ReLU(),
    )
