"""Histogram equalization of every channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, probability
from episodes.operations.rows import Key, Rows

_LEVELS = 256


@dataclass(frozen=True)
class Equalize(Operation):
    """equalize: probability that the histogram of each channel is made flat."""

    equalize: float = probability()

    slots: ClassVar[Mapping[str, int]] = {"equalize": 34}

    def is_active(self, channels: int) -> bool:
        """Whether any view is equalized."""
        return self.equalize > 0

    def draw(self, rows: Rows) -> Parameters:
        """equalize (B,) bool."""
        return {"equalize": rows.happens("equalize", self.equalize)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `equalize`."""
        return torch.where(drawn["equalize"].view(-1, 1, 1, 1), equalize(images), images)


def equalize(images: Tensor) -> Tensor:
    """Equalize each channel of (B, C, H, W), as torchvision's and Pillow's `equalize`, over 256 levels.

    A channel of so few distinct values that the lookup table has no step stays as it is, up to its rounding to 256
    levels.
    """
    # torchvision's own conversion of floats to uint8.
    values = (images * (_LEVELS - 1e-3)).to(torch.int64).flatten(2)  # (B, C, H * W)
    histogram = torch.zeros((*values.shape[:2], _LEVELS), dtype=torch.int64, device=images.device)
    histogram.scatter_add_(2, values, torch.ones_like(values))
    total = histogram.cumsum(2)
    # Pillow leaves the pixels of the greatest value out of the step.
    greatest = histogram.gather(2, values.amax(2, keepdim=True))
    step = (values.shape[2] - greatest) // (_LEVELS - 1)
    table = ((total + step // 2) // step.clamp_min(1)).clamp_max(_LEVELS - 1)
    table = torch.cat([torch.zeros_like(table[..., :1]), table[..., :-1]], dim=2)
    equalized = torch.where(step > 0, table.gather(2, values), values)
    return (equalized.to(images.dtype) / (_LEVELS - 1)).view_as(images)
