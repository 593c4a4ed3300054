"""Hue: colours turned around the colour circle of HSV, without leaving RGB."""

from __future__ import annotations

import torch
from torch import Tensor


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of RGB in [0, 1] (B, 3, H, W) by `turns` (B,) of the circle, as torchvision's `adjust_hue`.

    HSV (Smith 1978) to RGB in closed form: channel n is v - c clamp(min(k, 4 - k), 0, 1) with k = n + 6 h
    modulo 6, n = 5, 3, 1 for red, green, blue. With d = k - 2 wrapped to [-3, 3], min(k, 4 - k) is 2 - |d|.
    """
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    # 6 h, counted from the largest channel; for greys the numerators are 0 and any hue does.
    sixths = torch.where(
        value == red,
        green - blue,
        torch.where(value == green, (blue - red).add_(chroma, alpha=2), (red - green).add_(chroma, alpha=4)),
    )
    sixths = sixths.div_(chroma.clamp_min(1e-20)).add_((turns * 6).view(-1, 1, 1))
    out = torch.empty_like(images)
    for channel, offset in enumerate((3.0, 1.0, -1.0)):
        away = sixths + offset
        away = away.sub_(torch.round(away / 6), alpha=6).abs_()
        torch.addcmul(value, chroma, (2 - away).clamp_(0, 1), value=-1, out=out[:, channel])
    return out
