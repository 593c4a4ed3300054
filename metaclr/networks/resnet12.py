"""ResNet-12, the larger encoder of few-shot learning. Lee et al. 2019 (MetaOptNet), arXiv:1904.03758."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.networks.layout import channels_last
from metaclr.networks.options import integer, large_enough, rate

SLOPE = 0.1
_WIDTHS = (1.0, 2.5, 5.0, 10.0)  # of the four blocks: 64, 160, 320 and 640 filters


class ResidualBlock(nn.Module):
    """Three 3x3 convolutions beside a 1x1 shortcut, then 2x2 max-pool, leaky ReLU and dropout.

    Pooling before leaky ReLU, which is monotone, is the same function on a quarter of the elements.
    """

    def __init__(self, inputs: int, outputs: int, drop: float) -> None:
        super().__init__()
        widths = (inputs, outputs, outputs)
        self.convs = nn.ModuleList(nn.Conv2d(width, outputs, 3, padding=1, bias=False) for width in widths)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in widths)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.drop = drop

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F, H / 2, W / 2)."""
        out = maps
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            out = norm(conv(out))
            if layer < 2:
                out = F.leaky_relu(out, SLOPE)
        out = F.leaky_relu(F.max_pool2d(out + self.shortcut(maps), 2), SLOPE)
        return F.dropout(out, self.drop, self.training) if self.drop else out


class ResNet12(nn.Module):
    """Four residual blocks and the mean over the last map."""

    def __init__(self, channels: int, width: int, drop: float) -> None:
        super().__init__()
        widths = [int(width * factor) for factor in _WIDTHS]
        self.blocks = nn.ModuleList(
            ResidualBlock(inputs, outputs, drop) for inputs, outputs in zip([channels, *widths], widths, strict=False)
        )
        self.features = widths[-1]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=SLOPE, mode="fan_out", nonlinearity="leaky_relu")

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F), F = 10 * width."""
        maps = channels_last(pixels)
        for block in self.blocks:
            maps = block(maps)
        return maps.mean((2, 3))


def resnet12(channels: int, size: int, *, width: int = 64, drop: float = 0.0) -> ResNet12:
    """ResNet-12 with `width` filters in the first block and 2.5, 5 and 10 times as many in the others.

    drop: dropout rate after each block (the authors use DropBlock). Raises UserError below 16 pixels.
    """
    large_enough("resnet12", size, 16)
    return ResNet12(channels, integer("width", width), rate("drop", drop))
