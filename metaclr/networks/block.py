"""One block of Conv-4, computed in the cheapest order that is the same function."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch._jit_internal import is_scripting  # what torch.jit.is_scripting is

from metaclr.networks.fast_conv4.first_block import can_pool_in_pieces, can_use_fast_block, first_block
from metaclr.networks.fast_conv4.pooled_conv import pooled_conv_without_gradient
from metaclr.networks.fold_batch_norm import folded


class ConvBlock(nn.Module):
    """3x3 convolution, batch norm, ReLU, 2x2 max-pool (Snell et al. 2017).

    Max-pooling before ReLU is the same function (ReLU is monotone) on a quarter of the elements. Pooling before
    batch norm would not be: batch statistics are over all pixels of the map.
    """

    def __init__(self, inputs: int, outputs: int, *, fast: bool = True) -> None:
        """fast: compute raw pixels in training mode by `fast_conv4.first_block` where it can be used."""
        super().__init__()
        self.fast = fast
        # Batch norm subtracts the mean, so a bias of the convolution would have no effect.
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F, H / 2, W / 2)."""
        if not is_scripting():  # TorchScript takes the plain order of the layers
            if not self.training:
                # In eval mode batch norm is a fixed scale and shift, which folds into the weights.
                weight, bias = folded(self.conv, self.norm)
                if self.fast and can_pool_in_pieces(maps):
                    return pooled_conv_without_gradient(maps, weight, bias)
                return F.relu(F.max_pool2d(F.conv2d(maps, weight, bias, padding=1), 2))
            if self.fast and can_use_fast_block(maps, self.conv, self.norm):
                return first_block(maps, self.conv, self.norm)
        return F.relu(F.max_pool2d(self.norm(self.conv(maps)), 2))
