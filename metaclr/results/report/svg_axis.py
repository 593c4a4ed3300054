"""An axis of a plot: round ticks, and places for values."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True)
class Axis:
    """Values `low`..`high` on the pixels `start`..`end`; the low end may be the larger pixel, as on a y axis."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """The pixel of a value, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(pixel, label) of three to seven round values."""
        step = round_step((self.high - self.low) / 5)
        decimals = max(0, -floor(log10(step) + 1e-9))
        first = ceil(self.low / step - 1e-9)
        last = floor(self.high / step + 1e-9)
        return [(self.place(i * step), f"{i * step:.{decimals}f}") for i in range(first, last + 1)]


def axis(low: float, high: float, start: float, end: float) -> Axis:
    """An axis over these values; a single value gets room on both sides."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return Axis(low, high, start, end)


def round_step(step: float) -> float:
    """The nearest of 1, 2, 5 times a power of ten that is not smaller.

    >>> [round_step(step) for step in (0.03, 1.0, 1.2, 4.0, 7.0)]
    [0.05, 1.0, 2.0, 5.0, 10.0]
    """
    power = 10.0 ** floor(log10(step) + 1e-9)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
