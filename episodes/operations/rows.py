"""The rows of a batch of views, and the random numbers that each of them may draw."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from episodes import random

MAX_VIEWS = 1 << 12
"""View numbers of one image at one step stay below this."""
MAX_SLOTS = 64
"""Places of the uniform numbers of one view."""

Key = int | Tensor
"""A key of `episodes.random`: an int, or an int64 tensor of one element, so that a compiled step has no constant."""


class Rows:
    """B views to be rendered: which they are, the size of their images, and their random numbers.

    items (B,) int64: image id and view number in one. keys: by the name of the stream. channels, height, width: of
    the images.
    """

    def __init__(
        self,
        keys: Mapping[str, Key],
        items: Tensor,
        slots: Mapping[str, int],
        *,
        channels: int,
        height: int,
        width: int,
    ) -> None:
        """slots: those that may be drawn; all numbers up to the last of them are made in one call."""
        self.keys, self.items = keys, items
        self.channels, self.height, self.width = channels, height, width
        self._slots = slots
        places = torch.arange(max(slots.values(), default=-1) + 1, device=items.device)
        self._units = random.uniform(keys["views"], items * MAX_SLOTS + places.unsqueeze(1)).unbind(0)

    def uniform(self, slot: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """The number of a slot, float32 (B,), uniform in [low, high)."""
        return self._units[self._slots[slot]] * (high - low) + low

    def around_zero(self, slot: str, amount: float) -> Tensor:
        """The number of a slot, float32 (B,), uniform in [-amount, amount)."""
        return self.uniform(slot, -amount, amount)

    def happens(self, slot: str, probability: float) -> Tensor:
        """Whether an event of this probability happens: bool (B,)."""
        return self.uniform(slot) < probability

    def stream(self, name: str, count: int) -> Tensor:
        """`count` uniform numbers in [0, 1) of a stream of an operation's own: float32 (B, count)."""
        return random.uniform(
            self.keys[name], self.items.unsqueeze(1) * count + torch.arange(count, device=self.items.device)
        )

    def columns(self, name: str, count: int) -> Tensor:
        """As `stream`, one row for each number: float32 (count, B), where reductions over the numbers are fast."""
        return random.uniform(
            self.keys[name], self.items * count + torch.arange(count, device=self.items.device).unsqueeze(1)
        )
