"""RandAugment: a few operations one after the other, each drawn from fourteen. Cubuk et al. 2020, arXiv:1909.13719."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from episodes.operations.one_of import CHOICES, amounts, one_of
from episodes.operations.operation import Operation, Parameters, number
from episodes.operations.rows import Key, Rows

_STREAM = "views: rand augment"
_SHIFT = 2 * 150 / 331  # half-images: torchvision's greatest translation


@dataclass(frozen=True)
class RandAugment(Operation):
    """rand_augment: number of operations (0: none), all of strength rand_augment_magnitude."""

    rand_augment: int = number(0, 0, 8, "an integer, 0 to 8", whole=True)
    rand_augment_magnitude: float = number(9.0, 0.0, 30.0, "0 to 30")

    streams: ClassVar[tuple[str, ...]] = (_STREAM,)

    def is_active(self, channels: int) -> bool:
        """Whether any operation is drawn."""
        return self.rand_augment > 0

    def draw(self, rows: Rows) -> Parameters:
        """rand_choice (B, R) int64 into `CHOICES`, rand_amount (B, R)."""
        units = rows.stream(_STREAM, 2 * self.rand_augment)
        choice = (units[:, : self.rand_augment] * len(CHOICES)).long()
        level = units.new_full(choice.shape, self.rand_augment_magnitude / 30)
        negative = units[:, self.rand_augment :] < 0.5
        return {"rand_choice": choice, "rand_amount": amounts(choice, level, negative, shift=_SHIFT, bits=8)}

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """R rounds of `one_of`."""
        for choice, amount in zip(drawn["rand_choice"].unbind(1), drawn["rand_amount"].unbind(1), strict=True):
            images = one_of(images, choice, amount)
        return images
