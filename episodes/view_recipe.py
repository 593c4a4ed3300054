"""What a view may look like: the ranges that its parameters are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from episodes.errors import EpisodeError

Range = tuple[float, float]

# What each field may hold: least and greatest value, and how to say so.
_PROBABILITY = (0.0, 1.0, "a probability, 0 to 1")
_AMOUNT = (0.0, 10.0, "0 to 10")
_POSITIVE = (1e-3, 100.0, "0.001 to 100")
_LEGAL: dict[str, tuple[float, float, str]] = {
    "crop_scale": (1e-3, 4.0, "shares of the image's area, 0.001 to 4"),
    "crop_ratio": _POSITIVE,
    "rotate": (0.0, 180.0, "degrees, 0 to 180"),
    "zoom": _POSITIVE,
    "shear": _AMOUNT,
    "shift": (0.0, 2.0, "half-images, 0 to 2"),
    "elastic": (0.0, 2.0, "half-images, 0 to 2"),
    "elastic_cells": (1, 64, "a whole number, 1 to 64"),
    "flip_horizontal": _PROBABILITY,
    "flip_vertical": _PROBABILITY,
    "quarter_turns": _PROBABILITY,
    "stroke": (-1.0, 1.0, "-1 (thin) to 1 (thick)"),
    "jitter": _PROBABILITY,
    "brightness": _AMOUNT,
    "contrast": _AMOUNT,
    "saturation": _AMOUNT,
    "hue": (0.0, 0.5, "turns of the color circle, 0 to 0.5"),
    "grayscale": _PROBABILITY,
    "blur": _PROBABILITY,
    "blur_sigma": (1e-3, 100.0, "pixels, 0.001 to 100"),
    "dropout": (0.0, 1.0, "shares of the pixels, 0 to 1"),
    "random_erasing": _PROBABILITY,
    "random_erasing_area": (0.0, 1.0, "shares of the image's area, 0 to 1"),
    "random_erasing_ratio": _POSITIVE,
}


@dataclass(frozen=True)
class ViewRecipe:
    """Ranges of a random view; the defaults are the identity. Every parameter is drawn uniformly, per view.

    Pose, composed into one sampling grid and one bilinear interpolation. A half-image is half its width along
    x and half its height along y. What a pose brings in from outside the image is 0 (black).
        crop_scale, crop_ratio: area (share) and width / height (log-uniform) of a random resized crop; a crop
        up to 1 lies inside the image. rotate: degrees to either side. zoom: factors of size (log-uniform).
        shear: slope to either side, on both axes. shift: half-images to either side, on both axes.
        elastic: root mean square displacement of a smooth random field, in half-images, on both axes, over
        elastic_cells x elastic_cells cells. flip_horizontal, flip_vertical, quarter_turns: probabilities; a
        quarter turn is one of the three that turn something.
    stroke: bright strokes thinned (-1: eroded by a pixel) to thickened (1: dilated by a pixel).
    Color: with probability jitter, factors of brightness, contrast and saturation in 1 ± amount (at least
        0) and a hue turned by up to ± hue, in this order; then gray with probability grayscale. Saturation, hue
        and grayscale do nothing to images of one channel.
    blur: probability of a Gaussian blur, of blur_sigma pixels. random_erasing: probability of a black rectangle of
        random_erasing_area (share) and random_erasing_ratio (height / width). dropout: share of pixels set to black.

    Raises EpisodeError, naming the key, for a value that is out of range, inverted, or not a finite number.
    """

    crop_scale: Range | None = None
    crop_ratio: Range = (3 / 4, 4 / 3)
    rotate: float = 0.0
    zoom: Range = (1.0, 1.0)
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    elastic_cells: int = 3
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    quarter_turns: float = 0.0
    stroke: Range = (0.0, 0.0)
    jitter: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grayscale: float = 0.0
    blur: float = 0.0
    blur_sigma: Range = (0.1, 2.0)
    random_erasing: float = 0.0
    random_erasing_area: Range = (0.02, 0.33)
    random_erasing_ratio: Range = (0.3, 3.3)
    dropout: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):  # as TOML and JSON give it
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            if not (value is None and field.default is None):
                _check(field.name, value, pair=field.default is None or isinstance(field.default, tuple))

    @property
    def warps(self) -> bool:
        """Whether a pose leaves the pixel grid's axes or the image: rotation, zoom, shear, shift or elastic."""
        return self.zoom != (1.0, 1.0) or any((self.rotate, self.shear, self.shift, self.elastic))

    @property
    def moves(self) -> bool:
        """Whether any view is resampled."""
        flips = (self.flip_horizontal, self.flip_vertical, self.quarter_turns)
        return self.warps or self.crop_scale is not None or any(flips)


def _check(name: str, value: object, *, pair: bool) -> None:
    least, most, legal = _LEGAL[name]
    numbers = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) != pair or (pair and len(numbers) != 2):
        raise EpisodeError(f"views: {name} = {value!r} must be {'a pair [least, most]' if pair else 'one number'}")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not isfinite(number):
            raise EpisodeError(f"views: {name} = {value!r} is not a finite number; legal: {legal}")
        if not least <= number <= most or (name == "elastic_cells" and number != int(number)):
            raise EpisodeError(f"views: {name} = {value!r} is not legal; legal: {legal}")
    if pair and numbers[0] > numbers[1]:
        raise EpisodeError(f"views: {name} = {value!r} is inverted; legal: [least, most]")
