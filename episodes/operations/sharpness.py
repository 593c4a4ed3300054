"""Sharpness: a blend of a view with its own smoothed version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, Range, interval, probability
from episodes.operations.rows import Key, Rows

_EDGE, _CENTER = 1 / 13, 5 / 13  # Pillow's SMOOTH kernel


@dataclass(frozen=True)
class Sharpness(Operation):
    """sharpness: probability of a blend with sharpness_factor: 0 is smoothed, 1 as it is, 2 sharpened."""

    sharpness: float = probability()
    sharpness_factor: Range = interval((0.1, 1.9), 0.0, 10.0, "factors, 0 to 10")

    slots: ClassVar[Mapping[str, int]] = {"sharpness": 35, "sharpness factor": 36}

    def is_active(self, channels: int) -> bool:
        """Whether any view changes."""
        return self.sharpness > 0

    def draw(self, rows: Rows) -> Parameters:
        """sharpness (B,): the factor; 1 changes nothing."""
        factor = rows.uniform("sharpness factor", *self.sharpness_factor)
        return {"sharpness": torch.where(rows.happens("sharpness", self.sharpness), factor, 1.0)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `adjust_sharpness`."""
        return adjust_sharpness(images, drawn["sharpness"])


def adjust_sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend (B, C, H, W) with its 3 x 3 smoothing by factor (B,), as torchvision's `adjust_sharpness`; borders stay."""
    if min(images.shape[-2:]) <= 2:
        return images
    inner = images[..., 1:-1, 1:-1]
    rows = images[..., :-2, :] + images[..., 1:-1, :] + images[..., 2:, :]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    smooth = box * _EDGE + inner * (_CENTER - _EDGE)
    out = images.clone()
    out[..., 1:-1, 1:-1] = torch.lerp(inner, smooth, (1 - factor).view(-1, 1, 1, 1)).clamp(0, 1)
    return out
