"""Conv-4: the four-block encoder of few-shot learning. Vinyals et al. 2016; Snell et al. 2017, arXiv:1703.05175."""

from __future__ import annotations

from torch import Tensor, nn
from torch._jit_internal import is_scripting  # what torch.jit.is_scripting is

from metaclr.networks.block import ConvBlock
from metaclr.networks.layout import channels_last
from metaclr.networks.options import integer, large_enough, switch

DEPTH = 4


class Conv4(nn.Module):
    """Four blocks of 3x3 convolution, batch norm, ReLU and 2x2 max-pool; the last map is flattened."""

    def __init__(self, channels: int, size: int, width: int, *, fast: bool = True) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(width if i else channels, width, fast=fast) for i in range(DEPTH))
        self.channels = channels
        self.features = width * (size >> DEPTH) ** 2

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F), F = width * (H / 16) * (W / 16), rounded down at each halving.

        Gray images of one channel are taken as color by a network for three.
        """
        if self.channels == 3 and pixels.shape[1] == 1:
            pixels = pixels.expand(-1, 3, -1, -1)
        maps = pixels
        if not is_scripting():
            maps = channels_last(pixels)
        for block in self.blocks:
            maps = block(maps)
        return maps.flatten(1)


def conv4(channels: int, size: int, *, width: int = 64, fast: bool = True) -> Conv4:
    """Conv-4 with `width` filters in each block.

    fast: on a CPU, train the first block by `networks.fast_conv4`, which is the same function up to rounding in half
    the time; False is the textbook order of its layers, on every device.

    Raises:
        UserError: images below 16 pixels, or an option of another type.
    """
    large_enough("conv4", size, 1 << DEPTH)
    return Conv4(channels, size, integer("width", width), fast=switch("fast", fast))
