"""What an operation of a view declares: its fields with their legal ranges, its random numbers, and its function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar

from torch import Tensor

from episodes.errors import EpisodeError
from episodes.operations.rows import Key, Rows

Range = tuple[float, float]
Parameters = dict[str, Tensor]
"""Parameters of one operation, each (B, ...): one entry per view."""


@dataclass(frozen=True)
class Operation:
    """Base of the operations; `ViewRecipe` inherits from all of them, so `self` has the fields of the whole recipe.

    slots: place of each uniform number that a view draws, below 64, distinct among all operations. A place never
        changes, so that a new operation leaves the random numbers of the others as they were.
    streams: names of further random streams, for operations that draw more numbers than one a slot.
    """

    slots: ClassVar[Mapping[str, int]] = {}
    streams: ClassVar[tuple[str, ...]] = ()

    def is_active(self, channels: int) -> bool:
        """Whether the recipe uses the operation, on images of 1 or 3 channels."""
        raise NotImplementedError

    def draw(self, rows: Rows) -> Parameters:
        """The random parameters of B views: a function of (keys, items) alone. Called where `is_active`."""
        raise NotImplementedError

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """The operation on float32 images (B, C, H, W) in [0, 1], which it must not change in place."""
        raise NotImplementedError


def number(default: float, least: float, most: float, unit: str, *, whole: bool = False) -> Any:
    """A field that holds one number in least..most. unit: names unit and range in the error; whole: integers only."""
    return field(default=default, metadata={"least": least, "most": most, "unit": unit, "whole": whole, "pair": False})


def probability(default: float = 0.0) -> Any:
    """A field that holds a probability."""
    return number(default, 0.0, 1.0, "a probability, 0 to 1")


def interval(default: Range | None, least: float, most: float, unit: str, *, whole: bool = False) -> Any:
    """A field that holds a range [low, high] within least..most; a default of None also permits None: not used."""
    return field(default=default, metadata={"least": least, "most": most, "unit": unit, "whole": whole, "pair": True})


def check_value(name: str, value: object, rules: Mapping[str, Any]) -> None:
    """Check one field of a recipe against the `metadata` of its declaration.

    Raises:
        EpisodeError: one line that names the field, its value and what is allowed.
    """
    pair, unit = rules["pair"], rules["unit"]
    numbers = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) != pair or (pair and len(numbers) != 2):
        shape = "a pair [low, high]" if pair else "one number"
        raise EpisodeError(f"views: {name} = {value!r} must be {shape}: {unit}")
    for item in numbers:
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not isfinite(item):
            raise EpisodeError(f"views: {name} = {value!r} must be a finite number: {unit}")
        if not rules["least"] <= item <= rules["most"] or (rules["whole"] and item != int(item)):
            raise EpisodeError(f"views: {name} = {value!r} is out of range: {unit}")
    if pair and numbers[0] > numbers[1]:
        raise EpisodeError(f"views: {name} = {value!r} is inverted: write [low, high]")
