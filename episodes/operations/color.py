"""Brightness, contrast, saturation and gray: blends of the pixels with black, a mean or their own luma.

One factor per row; each is torchvision's `adjust_*`, clamp to [0, 1] included.
"""

from __future__ import annotations

import torch
from torch import Tensor

_RED, _GREEN, _BLUE = 0.2989, 0.587, 0.114  # luma of ITU-R BT.601, rounded as in torchvision


def grey(images: Tensor) -> Tensor:
    """The luma (B, 1, H, W) of colors (B, 3, H, W); images of one channel are their own."""
    if images.shape[1] == 1:
        return images
    return (images[:, 0:1] * _RED).add_(images[:, 1:2], alpha=_GREEN).add_(images[:, 2:3], alpha=_BLUE)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (B, C, H, W) with black: factor (B,), 0 is black, 1 changes nothing."""
    return (images * factor.view(-1, 1, 1, 1)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (B, C, H, W) with their mean luma: factor (B,), 0 is flat, 1 changes nothing."""
    factor = factor.view(-1, 1, 1, 1)
    mean = grey(images.mean((2, 3), keepdim=True))
    return (images * factor).add_((1 - factor) * mean).clamp_(0, 1)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend colors (B, 3, H, W) with their own luma: factor (B,), 0 is gray, 1 changes nothing."""
    factor = factor.view(-1, 1, 1, 1)
    return (images * factor).add_(grey(images) * (1 - factor)).clamp_(0, 1)


def to_grey(images: Tensor, chosen: Tensor) -> Tensor:
    """Replace the colors (B, 3, H, W) of the rows `chosen` (B,) bool by their luma."""
    return torch.lerp(images, grey(images), chosen.to(images.dtype).view(-1, 1, 1, 1))  # exact at 0 and 1
