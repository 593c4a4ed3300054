"""Hue: colors turned around the color circle of HSV, without leaving RGB."""

from __future__ import annotations

import torch
from torch import Tensor


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of RGB in [0, 1] (B, 3, H, W) by `turns` (B,) of the circle, as torchvision's `adjust_hue`.

    HSV (Smith 1978) and back, in closed form and without a branch. With c = max - min the hue in turns is
    +- (max - 2 min + green + blue - red) / 6c, with the sign of green - blue. A channel is then
    max - c clamp(2 - 6 a, 0, 1), where a is the distance along the circle between the hue and the channel's
    opposite color: 1/2 for red, 5/6 for green, 1/6 for blue.
    """
    red, green, blue = images.unbind(1)
    most = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    chroma = most - least
    hue = (green + blue).sub_(red).add_(most).sub_(least, alpha=2).div_((chroma * 6).clamp_min_(1e-20))
    hue = torch.copysign(hue, green - blue)  # of grays it is 0
    out = torch.empty_like(images)
    for channel, opposite in enumerate((1 / 2, 5 / 6, 1 / 6)):
        away = hue + (turns - opposite).view(-1, 1, 1)
        away = away.sub_(torch.round(away)).abs_()
        share = torch.rsub(away, 2, alpha=6).clamp_(0, 1)
        if torch.compiler.is_compiling():  # it takes no strided `out`
            out[:, channel] = torch.addcmul(most, chroma, share, value=-1)
        else:
            torch.addcmul(most, chroma, share, value=-1, out=out[:, channel])
    return out
