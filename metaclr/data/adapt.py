"""Bring an image set to another size and number of channels, as a target to the encoder's."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ImageSet

_BLOCK = 2048
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def adapt(image_set: ImageSet, *, size: int | None = None, channels: int | None = None) -> ImageSet:
    """The same images, `size` x `size` (antialiased bilinear) and with 1 or 3 channels; None keeps what is.

    A set that fits already is returned as it is; of an oblong one the centre square is taken. Grey from colour is
    ITU-R BT.601; colour from grey repeats it.
    """
    height, width = image_set.size
    same_size = size is None or (height, width) == (size, size)
    if same_size and channels in (None, image_set.channels):
        return image_set
    side = (height, width) if size is None else (size, size)
    adapted = torch.empty(
        len(image_set), channels or image_set.channels, *side, dtype=torch.uint8, device=image_set.images.device
    )
    for start in range(0, len(image_set), _BLOCK):
        block = image_set.images[start : start + _BLOCK]
        adapted[start : start + _BLOCK] = _adapt(block, None if same_size else size, channels)
    return replace(image_set, images=adapted)


def _adapt(images: Tensor, size: int | None, channels: int | None) -> Tensor:
    if size is not None:
        images = _square(images)
    x = images.float()
    if channels == 1 and x.shape[1] == 3:
        x = (x * torch.tensor(_LUMA, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if size is not None:
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    if channels == 3 and x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    return x.round().clamp(0, 255).to(torch.uint8)


def _square(images: Tensor) -> Tensor:
    """The centre square of oblong images."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]
