"""Gaussian blur with a width per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, Range, interval, probability
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Blur(Operation):
    """blur: probability of a Gaussian blur, whose standard deviation is blur_sigma pixels."""

    blur: float = probability()
    blur_sigma: Range = interval((0.1, 2.0), 1e-3, 100.0, "pixels, 0.001 to 100")

    slots: ClassVar[Mapping[str, int]] = {"blur": 21, "sigma": 22}

    def is_active(self, channels: int) -> bool:
        """Whether any view is blurred."""
        return self.blur > 0

    def draw(self, rows: Rows) -> Parameters:
        """sigma (B,), 0 for views that stay sharp."""
        return {"sigma": rows.uniform("sigma", *self.blur_sigma) * rows.happens("blur", self.blur)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `gaussian_blur`; SimCLR takes 23 taps for images of 224 pixels, this as many in proportion."""
        return gaussian_blur(images, drawn["sigma"], radius=max(1, min(images.shape[-2:]) // 20))


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
