"""Blur, stroke width, lost pixels and erased rectangles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_blur(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Blur (B, C, H, W) with a Gaussian of `sigma` (B,) pixels, 2 * radius + 1 taps, edges reflected.

    Separable, as a sum of shifted images: each row has its own kernel. sigma = 0 leaves a row as it is.
    """
    taps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    spread = sigma.clamp_min(1e-3).view(-1, 1)
    kernel = torch.softmax(-0.5 * (taps / spread) ** 2, dim=1)  # (B, taps)
    padded = F.pad(images, (radius,) * 4, mode="reflect")
    height, width = images.shape[-2:]
    across = sum(kernel[:, i].view(-1, 1, 1, 1) * padded[..., i : i + width] for i in range(2 * radius + 1))
    assert isinstance(across, Tensor)
    down = sum(kernel[:, i].view(-1, 1, 1, 1) * across[..., i : i + height, :] for i in range(2 * radius + 1))
    assert isinstance(down, Tensor)
    return down


def stroke_width(images: Tensor, amount: Tensor) -> Tensor:
    """Thicken bright strokes on black (amount up to 1: dilated by one pixel) or thin them (down to -1: eroded).

    A blend with the 3 x 3 maximum or minimum, so the amount is continuous. images (B, C, H, W), amount (B,).
    """
    sign = torch.where(amount < 0, -1.0, 1.0).view(-1, 1, 1, 1)
    signed = images * sign  # the minimum is the negated maximum of the negated image: one pooling for both
    reached = F.max_pool2d(signed, 3, stride=1, padding=1) * sign
    return torch.lerp(images, reached, amount.abs().view(-1, 1, 1, 1))


def drop_pixels(images: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """Set pixels to black where noise (B, 1, H, W) in [0, 1) is below share (B,), in all channels at once."""
    return images * (noise >= share.view(-1, 1, 1, 1))


def erase(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Black out the rectangle [top, top + height) x [left, left + width) of each image, in pixels (B,)."""
    rows = torch.arange(images.shape[-2], device=images.device)
    columns = torch.arange(images.shape[-1], device=images.device)
    inside_rows = (rows >= top.unsqueeze(1)) & (rows < (top + height).unsqueeze(1))
    inside_columns = (columns >= left.unsqueeze(1)) & (columns < (left + width).unsqueeze(1))
    inside = inside_rows.unsqueeze(2) & inside_columns.unsqueeze(1)
    return images.masked_fill(inside.unsqueeze(1), 0.0)
