"""A decoder: from the features of an encoder back to pixels, for methods that reconstruct their views."""

from __future__ import annotations

from math import ceil

from torch import Tensor, nn

from metaclr.networks.seeded_init import seeded

WIDTH = 64
"""Channels of the first map, those of Conv-4's last; halved with every doubling of its side."""
MIN_WIDTH = 8
SMALLEST = 4
"""Pixels of the first map, at most: it is doubled until it is as large as the image."""


class Decoder(nn.Module):
    """Features (B, F) to pixels (B, C, size, size), not bounded: a linear layer to a small map, then doublings.

    A doubling is nearest-neighbor upsampling, a 3 x 3 convolution, batch norm and ReLU (resize-convolution, Odena et
    al. 2016); maps larger than the image are cut.
    """

    def __init__(self, features: int, channels: int, size: int) -> None:
        super().__init__()
        doublings = 0
        while ceil(size / 2**doublings) > SMALLEST:
            doublings += 1
        self.size, self.side = size, ceil(size / 2**doublings)
        self.linear = nn.Linear(features, WIDTH * self.side**2)
        layers: list[nn.Module] = []
        width = WIDTH
        for _ in range(doublings):
            narrower = max(MIN_WIDTH, width // 2)
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(width, narrower, 3, padding=1, bias=False),
                nn.BatchNorm2d(narrower),
                nn.ReLU(),
            ]
            width = narrower
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) to (B, C, size, size)."""
        maps: Tensor = self.layers(self.linear(features).unflatten(1, (WIDTH, self.side, self.side)))
        return maps[..., : self.size, : self.size]


def build_decoder(features: int, channels: int, size: int, *, seed: int = 0) -> Decoder:
    """A decoder whose initial weights are a function of the seed."""
    with seeded(seed, "decoder"):
        return Decoder(features, channels, size)
