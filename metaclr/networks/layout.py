"""The memory format in which convolutions are fastest, channels_last."""

from __future__ import annotations

import torch
from torch import Tensor


def inside_transform() -> bool:
    """Whether a transform of torch.func (vmap, grad) is active. The test is private in torch."""
    return bool(torch._C._are_functorch_transforms_active())


def is_eager() -> bool:
    """Whether operations run one by one: not compiled, not traced by `torch.jit.trace`, not inside torch.func."""
    traced = bool(torch._C._is_tracing())  # what torch.jit.is_tracing calls
    return not (traced or torch.compiler.is_compiling() or inside_transform())


def channels_last(pixels: Tensor) -> Tensor:
    """Pixels (B, C, H, W) in channels_last.

    With one channel both formats have the same bytes and differ in their strides only, which `.contiguous` does not
    change. Inside vmap, which has no memory formats, the pixels are returned unchanged.
    """
    if inside_transform():
        return pixels
    _, channels, height, width = pixels.shape
    if channels == 1:
        return pixels.contiguous().as_strided(pixels.shape, (height * width, 1, width, 1))
    return pixels.contiguous(memory_format=torch.channels_last)
