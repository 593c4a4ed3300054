"""Erasing: a black rectangle. Zhong et al. 2017, arXiv:1708.04896."""

from __future__ import annotations

import torch
from torch import Tensor


def erase(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Black out rows top..top + height and columns left..left + width of images (B, C, H, W); all (B,) pixels."""
    inside_rows = _between(top, height, images.shape[-2], images).unsqueeze(2)
    inside_columns = _between(left, width, images.shape[-1], images).unsqueeze(1)
    return images * (1 - inside_rows * inside_columns).unsqueeze(1)


def _between(start: Tensor, length: Tensor, size: int, like: Tensor) -> Tensor:
    place = torch.arange(size, device=like.device)
    start, stop = start.unsqueeze(1), (start + length).unsqueeze(1)
    return ((place >= start) & (place < stop)).to(like.dtype)
