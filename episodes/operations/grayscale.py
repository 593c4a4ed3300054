"""Grayscale: colors replaced by their luma."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from episodes.operations.color import to_grey
from episodes.operations.operation import Operation, Parameters, probability
from episodes.operations.rows import Key, Rows


@dataclass(frozen=True)
class Grayscale(Operation):
    """grayscale: probability of a gray view; does nothing to images of one channel."""

    grayscale: float = probability()

    slots: ClassVar[Mapping[str, int]] = {"grey": 20}

    def is_active(self, channels: int) -> bool:
        """Whether any view loses its colors."""
        return self.grayscale > 0 and channels == 3

    def draw(self, rows: Rows) -> Parameters:
        """grey (B,) bool."""
        return {"grey": rows.happens("grey", self.grayscale)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """See `color.to_grey`."""
        return to_grey(images, drawn["grey"])
