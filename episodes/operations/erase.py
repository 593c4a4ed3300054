"""Erasing: a black rectangle. Zhong et al. 2017, arXiv:1708.04896."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.operation import Operation, Parameters, Range, interval, probability
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Erase(Operation):
    """random_erasing: probability of a black rectangle, of random_erasing_area (share) and _ratio (height / width)."""

    random_erasing: float = probability()
    random_erasing_area: Range = interval((0.02, 0.33), 0.0, 1.0, "shares of the image's area, 0 to 1")
    random_erasing_ratio: Range = interval((0.3, 3.3), 1e-3, 100.0, "height / width, 0.001 to 100")

    slots: ClassVar[Mapping[str, int]] = {
        **{"erase": 23, "erase area": 24, "erase ratio": 25, "erase x": 26, "erase y": 27}
    }

    def is_active(self, channels: int) -> bool:
        """Whether any view is erased."""
        return self.random_erasing > 0

    def draw(self, rows: Rows) -> Parameters:
        """erase (B, 4): top, left, height and width in whole pixels; views that keep all pixels have no area."""
        height, width = rows.height, rows.width
        chosen = rows.happens("erase", self.random_erasing)
        area = rows.uniform("erase area", *self.random_erasing_area) * chosen * (height * width)
        low, high = (log(ratio) for ratio in self.random_erasing_ratio)
        ratio = rows.uniform("erase ratio", low, high).exp()
        tall = (area * ratio).sqrt().round().clamp_max(height)
        wide = (area / ratio).sqrt().round().clamp_max(width)
        top = (rows.uniform("erase y") * (height - tall + 1)).floor()
        left = (rows.uniform("erase x") * (width - wide + 1)).floor()
        return {"erase": torch.stack([top, left, tall, wide], dim=-1)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `erase`."""
        return erase(images, *drawn["erase"].unbind(1))


def erase(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Black out rows top..top + height and columns left..left + width of images (B, C, H, W); all (B,) pixels."""
    inside_rows = _between(top, height, images.shape[-2], images).unsqueeze(2)
    inside_columns = _between(left, width, images.shape[-1], images).unsqueeze(1)
    return images * (1 - inside_rows * inside_columns).unsqueeze(1)


def _between(start: Tensor, length: Tensor, size: int, like: Tensor) -> Tensor:
    place = torch.arange(size, device=like.device)
    start, stop = start.unsqueeze(1), (start + length).unsqueeze(1)
    return ((place >= start) & (place < stop)).to(like.dtype)
