"""Autocontrast: every channel of a view stretched to the range 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, probability
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Autocontrast(Operation):
    """autocontrast: probability of the stretch."""

    autocontrast: float = probability()

    slots: ClassVar[Mapping[str, int]] = {"autocontrast": 33}

    def is_active(self, channels: int) -> bool:
        """Whether any view is stretched."""
        return self.autocontrast > 0

    def draw(self, rows: Rows) -> Parameters:
        """autocontrast (B,) bool."""
        return {"autocontrast": rows.happens("autocontrast", self.autocontrast)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `autocontrast`."""
        return torch.where(drawn["autocontrast"].view(-1, 1, 1, 1), autocontrast(images), images)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel of (B, C, H, W) to [0, 1], as torchvision's `autocontrast`; a flat channel stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = low == high
    low = low.masked_fill(flat, 0.0)
    return ((images - low) / (high - low).masked_fill(flat, 1.0)).clamp_(0, 1)
