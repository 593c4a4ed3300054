"""Color jitter: brightness, contrast, saturation and hue, in this order, as SimCLR's color distortion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations import color
from episodes.operations.hue import adjust_hue
from episodes.operations.operation import Operation, Parameters, number, probability
from episodes.operations.rows import Key, Rows

_FACTORS = {
    "brightness": color.adjust_brightness,
    "contrast": color.adjust_contrast,
    "saturation": color.adjust_saturation,
}


@dataclass(frozen=True)
class Jitter(Operation):
    """With probability jitter: factors in 1 ± amount (at least 0), and a hue turned by up to ± hue."""

    jitter: float = probability()
    brightness: float = number(0.0, 0.0, 10.0, "0 to 10")
    contrast: float = number(0.0, 0.0, 10.0, "0 to 10")
    saturation: float = number(0.0, 0.0, 10.0, "0 to 10")
    hue: float = number(0.0, 0.0, 0.5, "turns of the color circle, 0 to 0.5")

    slots: ClassVar[Mapping[str, int]] = {"jitter": 15, "brightness": 16, "contrast": 17, "saturation": 18, "hue": 19}

    def is_active(self, channels: int) -> bool:
        """Whether any view changes: images of one channel have neither saturation nor hue."""
        gray = self.brightness or self.contrast
        return bool(self.jitter and (gray or (channels == 3 and (self.saturation or self.hue))))

    def draw(self, rows: Rows) -> Parameters:
        """brightness, contrast, saturation (B,): 1 changes nothing. hue (B,): turns, 0 changes nothing."""
        chosen = rows.happens("jitter", self.jitter)
        drawn = {}
        for name in _FACTORS if rows.channels == 3 else ("brightness", "contrast"):
            amount = getattr(self, name)
            if amount:
                drawn[name] = torch.where(chosen, rows.uniform(name, max(0.0, 1 - amount), 1 + amount), 1.0)
        if self.hue and rows.channels == 3:
            drawn["hue"] = rows.around_zero("hue", self.hue) * chosen
        return drawn

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """torchvision's four operations, in a fixed order where torchvision shuffles them."""
        for name, adjust in _FACTORS.items():
            if name in drawn:
                images = adjust(images, drawn[name])
        return adjust_hue(images, drawn["hue"]) if "hue" in drawn else images
