"""What a view may look like: the ranges that its parameters are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from episodes.errors import EpisodeError

Range = tuple[float, float]

_PROBABILITIES = ("flip_horizontal", "flip_vertical", "quarter_turns", "jitter", "grey", "blur", "erase")
_AMOUNTS = ("rotate", "shear", "shift", "elastic", "brightness", "contrast", "saturation")


@dataclass(frozen=True)
class ViewRecipe:
    """Ranges of a random view; the defaults are the identity. Everything is drawn uniformly, per view.

    Geometry, all composed into one sampling grid and one bilinear interpolation; outside the image is black:
    crop_scale, crop_ratio: share of the area and aspect ratio of a random resized crop. rotate: degrees to
    either side. zoom: scale factors. shear: tangent to either side, both axes. shift: share of the image to
    either side, both axes. elastic: largest displacement of a smooth field, where half the image is 1, over
    elastic_cells x elastic_cells control points. flip_*, quarter_turns: probabilities.
    Colour: with probability jitter, brightness, contrast and saturation factors in 1 ± amount, and a hue shift
    of up to ± hue turns; then grey with probability grey.
    blur: probability of a Gaussian blur, blur_sigma in pixels. stroke: bright strokes thinned (-1: eroded by
    one pixel) to thickened (+1: dilated). dropout: the largest share of pixels set to black. erase: probability of a
    black rectangle of erase_area of the image.

    Raises EpisodeError, naming the key, for a probability outside 0..1, an inverted range, or a value not finite.
    """

    crop_scale: Range | None = None
    crop_ratio: Range = (3 / 4, 4 / 3)
    rotate: float = 0.0
    zoom: Range = (1.0, 1.0)
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    elastic_cells: int = 4
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    quarter_turns: float = 0.0
    jitter: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    blur_sigma: Range = (0.1, 2.0)
    stroke: Range = (0.0, 0.0)
    dropout: float = 0.0
    erase: float = 0.0
    erase_area: Range = (0.02, 0.33)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else () if value is None else (value,)
            if not all(isinstance(x, (int, float)) and isfinite(x) for x in numbers):
                raise EpisodeError(f"views: {field.name} = {value!r} is not a finite number")
            if isinstance(value, tuple) and (len(value) != 2 or value[0] > value[1]):
                raise EpisodeError(f"views: {field.name} = {value!r} must be (least, most)")
        self._within(_PROBABILITIES, 0, 1, "a probability in 0..1")
        self._within(_AMOUNTS, 0, 1e4, "0 or more")
        self._within(("hue",), 0, 0.5, "in 0..0.5 turns")
        self._within(("dropout",), 0, 1, "a share in 0..1")
        self._ranges()

    def _within(self, names: tuple[str, ...], least: float, most: float, legal: str) -> None:
        for name in names:
            if not least <= getattr(self, name) <= most:
                raise EpisodeError(f"views: {name} = {getattr(self, name)!r} must be {legal}")

    def _ranges(self) -> None:
        for name in ("crop_ratio", "zoom", "blur_sigma"):
            if getattr(self, name)[0] <= 0:
                raise EpisodeError(f"views: {name} = {getattr(self, name)!r} must lie above 0")
        for name in ("crop_scale", "erase_area"):
            value = getattr(self, name)
            if value and not 0 < value[0] <= value[1] <= 4:
                raise EpisodeError(f"views: {name} = {value!r} must be shares of the area, above 0 and up to 4")
        if not -1 <= self.stroke[0] <= self.stroke[1] <= 1:
            raise EpisodeError(f"views: stroke = {self.stroke!r} must lie in -1..1")
        if not 2 <= self.elastic_cells <= 64:
            raise EpisodeError(f"views: elastic_cells = {self.elastic_cells!r} must be in 2..64")

    @property
    def moves(self) -> bool:
        """Whether any view is resampled."""
        still = ViewRecipe()
        names = ("crop_scale", "rotate", "zoom", "shear", "shift", "elastic")
        flips = (self.flip_horizontal, self.flip_vertical, self.quarter_turns)
        return any(flips) or any(getattr(self, name) != getattr(still, name) for name in names)
