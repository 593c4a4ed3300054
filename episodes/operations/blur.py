"""Gaussian blur with a width per row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_blur(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Blur (B, C, H, W) with a Gaussian of sigma (B,) pixels over 2 radius + 1 taps, edges reflected.

    Sums of shifted images, along rows and then columns, since each row has a kernel of its own. sigma 0 leaves a
    row as it is. The radius is cut to what reflects: smaller than either side.
    """
    height, width = images.shape[-2:]
    radius = min(radius, height - 1, width - 1)
    taps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.softmax(-0.5 * (taps / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2, dim=1)  # (B, taps)
    weights = kernel.view(-1, 2 * radius + 1, 1, 1, 1).unbind(1)
    wide = F.pad(images, (radius, radius, 0, 0), mode="reflect")
    images = wide[..., :width] * weights[0]
    for shift in range(1, 2 * radius + 1):
        images.addcmul_(wide[..., shift : shift + width], weights[shift])
    tall = F.pad(images, (0, 0, radius, radius), mode="reflect")
    images = tall[..., :height, :] * weights[0]
    for shift in range(1, 2 * radius + 1):
        images.addcmul_(tall[..., shift : shift + height, :], weights[shift])
    return images
