"""How the files of a data set are read: what `load` and `metaclr data` take beside size and channels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from metaclr.errors import UserError

OnCorrupt = Literal["error", "skip"]
Fit = Literal["crop", "pad", "stretch"]
Frames = Literal["first", "all"]

MAX_PIXELS = 178_956_970
"""Of one image: where Pillow refuses a file as a decompression bomb."""


@dataclass(frozen=True)
class ReadOptions:
    """How image files are found and decoded.

    on_corrupt: refuse a set with unreadable files, or skip them and note it. fit: make an image square by cutting to
    the center, by a black border, or by distorting it. frames: of files with several pages or frames. pixel_range:
    the values that become 0 and 255, of files with more than 8 bits or of float; None finds it for the set. layout:
    one of `layouts.LAYOUTS`. max_pixels: refuse larger images. Raises UserError for a value that is none of these.
    """

    on_corrupt: OnCorrupt = "error"
    fit: Fit = "crop"
    frames: Frames = "first"
    pixel_range: tuple[float, float] | None = None
    layout: str = "auto"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name, legal in (("on_corrupt", OnCorrupt), ("fit", Fit), ("frames", Frames)):
            value = getattr(self, name)
            if value not in get_args(legal):
                raise UserError(f"{name} = {value!r} must be one of {', '.join(get_args(legal))}")
        if self.pixel_range is not None:
            low, high = self.pixel_range
            if not low < high:
                raise UserError(f"pixel_range = {low:g},{high:g}: the first must be below the second")
        if self.max_pixels < 1:
            raise UserError(f"max_pixels = {self.max_pixels} must be at least 1")

    def key(self) -> dict[str, Any]:
        """For the cache."""
        return asdict(self)


DEFAULT = ReadOptions()


def read_range(text: str) -> tuple[float, float]:
    """ "0,4095" as two numbers.

    Raises:
        UserError: anything else.
    """
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"pixel_range = {text!r}: two numbers with a comma, such as 0,4095") from error
    return low, high
