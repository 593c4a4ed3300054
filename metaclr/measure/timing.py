"""Rates with quartiles, and ratios of two sides that alternate.

Other programs slow whatever runs at the same time. Sides that alternate (A B A B ...) are slowed alike, and a ratio is
the median of the ratios of each turn, not the ratio of two medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    import torch

Side = Callable[[], float]
"""One turn of one side; returns its rate in items per second."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of `n` repeats; all three are equal for a single repeat."""

    median: float
    low: float
    high: float
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of at least one value. Raises UserError for none."""
    if not values:
        raise UserError("a spread needs at least one value")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high, len(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Spread of `ours / theirs`, turn by turn."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def interleaved(sides: Mapping[str, Side], repeats: int, *, warm_up: int = 1) -> dict[str, list[float]]:
    """Run the sides in alternation; returns `repeats` rates of each, after `warm_up` turns that are dropped."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(warm_up + repeats):
        for name, side in sides.items():
            items_per_second = side()
            if turn >= warm_up:
                rates[name].append(items_per_second)
    return rates


def rate(work: Callable[[], int], device: torch.device) -> float:
    """Items per second of one call of `work`, which returns their number; includes the device's work."""
    wait(device)
    began = time.perf_counter()
    items = work()
    wait(device)
    return items / (time.perf_counter() - began)


def for_seconds(once: Callable[[], int], seconds: float, device: torch.device) -> Side:
    """A side that calls `once` until `seconds` have passed, and at least once."""

    def turn() -> float:
        wait(device)
        began = time.perf_counter()
        made = 0
        while not made or time.perf_counter() - began < seconds:
            made += once()
            wait(device)
        return made / (time.perf_counter() - began)

    return turn


def steps_for(run: Callable[[int], int], seconds: float, device: torch.device, *, least: int = 1) -> int:
    """Number of steps that `run(steps)` does in about `seconds`, at least `least`; warms it up, too."""
    run(2)
    wait(device)
    began = time.perf_counter()
    run(2)
    wait(device)
    return max(least, round(seconds * 2 / (time.perf_counter() - began)))


def wait(device: torch.device) -> None:
    """Wait until the device has finished its queue."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
