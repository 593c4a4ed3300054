"""Solarization: pixels above a threshold inverted, as in BYOL's second view (Grill et al. 2020, arXiv:2006.07733)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, Range, interval, probability
from episodes.operations.rows import Key, Rows

_NEVER = 2.0  # a threshold above every pixel


@dataclass(frozen=True)
class Solarize(Operation):
    """solarize: probability that the pixels from solarize_threshold on are inverted."""

    solarize: float = probability()
    solarize_threshold: Range = interval((0.5, 0.5), 0.0, 1.0, "a pixel's value, 0 to 1")

    slots: ClassVar[Mapping[str, int]] = {"solarize": 29, "solarize threshold": 30}

    def is_active(self, channels: int) -> bool:
        """Whether any view is solarized."""
        return self.solarize > 0

    def draw(self, rows: Rows) -> Parameters:
        """threshold (B,), above 1 for views that stay as they are."""
        threshold = rows.uniform("solarize threshold", *self.solarize_threshold)
        return {"threshold": torch.where(rows.happens("solarize", self.solarize), threshold, _NEVER)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `solarize`."""
        return solarize(images, drawn["threshold"])


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert pixels of (B, C, H, W) at or above the threshold (B,), as torchvision's `solarize`."""
    return torch.where(images >= threshold.view(-1, 1, 1, 1), 1 - images, images)
