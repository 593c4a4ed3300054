"""Networks of other libraries as encoders: flat features, counted by a trial run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.networks.layout import channels_last


class Foreign(nn.Module):
    """Another library's network; its output, map or vector, is flattened to (B, F)."""

    def __init__(self, net: nn.Module, features: int, *, fast_layout: bool) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last) if fast_layout else net
        self.fast_layout = fast_layout
        self.features = features

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F)."""
        out: Tensor = self.net(channels_last(pixels) if self.fast_layout else pixels)
        return out.flatten(1)


def as_encoder(net: nn.Module, name: str, channels: int, size: int, *, fast_layout: bool = True) -> Foreign:
    """`net` as an encoder; its number of features is found by two images of zeros.

    fast_layout: in channels_last; not for networks that call `.view` on their maps.

    Raises:
        UserError: the network does not take images (C, H, W), H = W = size.
    """
    was, net = net.training, net.eval()
    try:
        with torch.no_grad():
            out = net(torch.zeros(2, channels, size, size))
        features = out.flatten(1).shape[1] if len(out) == 2 else 0
    except (RuntimeError, ValueError, ArithmeticError, AssertionError) as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"encoder {name!r} does not take images of {channels} x {size} x {size}: {reason[0] if reason else error!r}"
        ) from None
    if features < 1:
        raise UserError(f"encoder {name!r} gives {tuple(out.shape)} for two images of {channels} x {size} x {size}")
    return Foreign(net.train(was), features, fast_layout=fast_layout)
