"""One block of Conv-4, computed in the cheapest order that is still the same function."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.networks.fast_conv4.first_block import can_use_fast_block, first_block
from metaclr.networks.fold_batch_norm import folded


class ConvBlock(nn.Module):
    """3x3 convolution, batch norm, ReLU, 2x2 max-pool (Snell et al. 2017).

    Max-pooling before ReLU is the same function (ReLU is monotone) on a quarter of the elements. Pooling before
    batch norm would not be: batch statistics are of the whole map.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # Batch norm takes the mean away, so a bias of the convolution would change nothing.
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F, H / 2, W / 2)."""
        if not self.training:
            # In eval mode batch norm is a fixed scale and shift: it goes into the weights, and costs nothing.
            weight, bias = folded(self.conv, self.norm)
            return F.relu(F.max_pool2d(F.conv2d(maps, weight, bias, padding=1), 2))
        if can_use_fast_block(maps, self.conv, self.norm):
            return first_block(maps, self.conv, self.norm)
        return F.relu(F.max_pool2d(self.norm(self.conv(maps)), 2))
