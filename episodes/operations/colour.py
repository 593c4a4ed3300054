"""Colour: brightness, contrast and saturation as one affine map of the channels, hue in HSV, grey as a map."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601, with torchvision's rounding


def colour_map(mean: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness, then contrast, then saturation of one image each, as matrix (B, 3, 3) and offset (B, 3).

    Each step is torchvision's `adjust_*`: a blend with black, with the mean grey of the image, with its own
    grey. All three are affine in the pixels, so they compose; the clamp to [0, 1] comes once, at the end.

    Args:
        mean: (B, 3) mean of each channel. brightness, contrast, saturation: (B,) factors, 1 changes nothing.
    """
    luma = torch.tensor(LUMA, device=mean.device, dtype=mean.dtype)
    eye = torch.eye(3, device=mean.device, dtype=mean.dtype)
    scale = (brightness * contrast).view(-1, 1, 1)
    offset = (1 - contrast) * brightness * (mean @ luma)
    blend = saturation.view(-1, 1, 1) * eye + (1 - saturation).view(-1, 1, 1) * luma.expand(3, 3)
    return blend * scale, offset.unsqueeze(-1).expand(-1, 3)  # the offset is grey: saturation keeps it


def to_grey(chosen: Tensor) -> Tensor:
    """The map (B, 3, 3) that turns rows with `chosen` (B,) bool into grey, three times the same channel."""
    luma = torch.tensor(LUMA, device=chosen.device)
    eye = torch.eye(3, device=chosen.device)
    return torch.where(chosen.view(-1, 1, 1), luma.expand(3, 3), eye)


def apply_map(images: Tensor, matrix: Tensor, offset: Tensor | None = None) -> Tensor:
    """Colours (B, 3, H, W) through a matrix (B, 3, 3) and offset (B, 3)."""
    flat = images.flatten(2)
    mapped = torch.bmm(matrix, flat) if offset is None else torch.baddbmm(offset.unsqueeze(-1), matrix, flat)
    return mapped.view_as(images)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Rotate the hue of RGB in [0, 1] (B, 3, H, W) by `turns` (B,) of the colour circle, as `adjust_hue` does.

    HSV to RGB by Smith 1978 in the form f(n) = v - c * clamp(min(k, 4 - k), 0, 1), k = (n + 6 h) mod 6.
    """
    red, green, blue = images.unbind(1)
    value, where = images.max(1)
    chroma = value - images.amin(1)
    safe = chroma.clamp_min(1e-12)
    # The hue's sector follows the largest channel; the first of equals, which HSV leaves open.
    sixth = torch.where(
        where == 0,
        (green - blue) / safe,
        torch.where(where == 1, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    sixth = sixth + 6 * turns.view(-1, 1, 1)
    k = (sixth.unsqueeze(1) + torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)).remainder(6)
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)


def adjust_grey(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Brightness, then contrast of one-channel images (B, 1, H, W); saturation and hue mean nothing there."""
    factor = (brightness * contrast).view(-1, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True) * brightness.view(-1, 1, 1, 1)
    return images * factor + (1 - contrast).view(-1, 1, 1, 1) * mean
