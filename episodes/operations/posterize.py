"""Posterization: fewer levels of brightness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, Range, interval, probability
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Posterize(Operation):
    """posterize: probability that a view keeps only posterize_bits bits of each channel."""

    posterize: float = probability()
    posterize_bits: Range = interval((4, 8), 1, 8, "integers, 1 to 8", whole=True)

    slots: ClassVar[Mapping[str, int]] = {"posterize": 31, "posterize bits": 32}

    def is_active(self, channels: int) -> bool:
        """Whether any view is posterized."""
        return self.posterize > 0

    def draw(self, rows: Rows) -> Parameters:
        """bits (B,), integers as float; 0 for views that stay as they are."""
        low, high = self.posterize_bits
        bits = rows.uniform("posterize bits", low, high + 1).floor()
        return {"bits": bits * rows.happens("posterize", self.posterize)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `posterize`."""
        return posterize(images, drawn["bits"])


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest bits (B,) of pixels (B, C, H, W) in [0, 1], as torchvision's `posterize` of floats; 0: all."""
    levels = torch.exp2(bits).view(-1, 1, 1, 1)
    kept = torch.minimum((images * levels).floor_(), levels - 1) / levels
    return torch.where(levels > 1, kept, images)
