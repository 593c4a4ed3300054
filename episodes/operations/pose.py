"""Pose: affine map, crop, flips, quarter turns and elastic warp, composed into one bilinear interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import ClassVar

import torch
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.operations import geometry
from episodes.operations.elastic import displacement
from episodes.operations.operation import Operation, Parameters, Range, interval, number, probability
from episodes.operations.rows import Key, Rows
from episodes.operations.sample import keep_inside, sample, sampling_grid

TRIES = 10
"""Draws of a random resized crop, as torchvision has them."""


@dataclass(frozen=True)
class Pose(Operation):
    """The pose fields; see `ViewRecipe`."""

    crop_scale: Range | None = interval(None, 1e-3, 4.0, "shares of the image's area, 0.001 to 4")
    crop_ratio: Range = interval((3 / 4, 4 / 3), 1e-3, 100.0, "width / height, 0.001 to 100")
    rotate: float = number(0.0, 0.0, 180.0, "degrees, 0 to 180")
    zoom: Range = interval((1.0, 1.0), 1e-3, 100.0, "factors, 0.001 to 100")
    shear: float = number(0.0, 0.0, 10.0, "slopes, 0 to 10")
    shift: float = number(0.0, 0.0, 2.0, "half-images, 0 to 2")
    elastic: float = number(0.0, 0.0, 2.0, "half-images, 0 to 2")
    elastic_cells: int = number(3, 1, 64, "an integer, 1 to 64", whole=True)
    flip_horizontal: float = probability()
    flip_vertical: float = probability()
    quarter_turns: float = probability()

    slots: ClassVar[Mapping[str, int]] = {
        **{"rotate": 0, "zoom": 1, "shear x": 2, "shear y": 3, "shift x": 4, "shift y": 5},
        **{"crop x": 8, "crop y": 9},
        **{"mirrored": 10, "flipped": 11, "turned": 12, "quarters": 13},
    }
    streams: ClassVar[tuple[str, ...]] = ("views: elastic", "views: crop")

    @property
    def warps(self) -> bool:
        """Whether a pose may leave the pixel grid's axes or the image: rotation, zoom, shear, shift or elastic."""
        return self.zoom != (1.0, 1.0) or any((self.rotate, self.shear, self.shift, self.elastic))

    def is_active(self, channels: int) -> bool:
        """Whether any view is resampled."""
        flips = (self.flip_horizontal, self.flip_vertical, self.quarter_turns)
        return self.warps or self.crop_scale is not None or any(flips)

    def draw(self, rows: Rows) -> Parameters:
        """theta (B, 2, 3); elastic (B, 2, G, G), with an elastic warp; window (B, 2, 2), for crops without a warp.

        Raises:
            EpisodeError: quarter turns of images that are not square.
        """
        theta = self._warp(rows) if self.warps else geometry.identity(rows.items)
        center, size = torch.zeros_like(theta[..., 2]), torch.ones_like(theta[..., 2])
        if self.crop_scale:
            center, size = crop_window(self.crop_scale, self.crop_ratio, rows)
            theta = geometry.crop(theta, center, size)
        if self.flip_horizontal or self.flip_vertical:
            mirrored = rows.happens("mirrored", self.flip_horizontal)
            theta = geometry.flip(theta, mirrored, rows.happens("flipped", self.flip_vertical))
        if self.quarter_turns:
            if rows.height != rows.width:
                raise EpisodeError(f"views: quarter_turns needs square images, not {rows.height} x {rows.width}")
            turned = rows.happens("turned", self.quarter_turns)
            theta = geometry.turn(theta, rows.uniform("quarters", 1, 4).to(torch.int64) * turned)
        drawn = {"theta": theta}
        # A crop alone never shows what is outside of the image; a warp does, as black.
        if not self.warps and (self.crop_scale is None or self.crop_scale[1] <= 1):
            drawn["window"] = torch.stack([center, size], dim=1)
        if self.elastic:
            side = self.elastic_cells + 3
            drawn["elastic"] = rows.stream("views: elastic", 2 * side * side).view(-1, 2, side, side)
        return drawn

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """One sampling grid, one interpolation."""
        height, width = images.shape[-2:]
        grid = sampling_grid(drawn["theta"], height, width)
        if "elastic" in drawn:
            grid += displacement(drawn["elastic"], self.elastic, height, width)
        if "window" in drawn:
            grid = keep_inside(grid, *drawn["window"].unbind(1))
        return sample(images, grid)

    def _warp(self, rows: Rows) -> Tensor:
        return geometry.affine(
            rows.around_zero("rotate", self.rotate),
            rows.uniform("zoom", log(self.zoom[0]), log(self.zoom[1])).exp(),
            rows.around_zero("shear x", self.shear),
            rows.around_zero("shear y", self.shear),
            rows.around_zero("shift x", self.shift),
            rows.around_zero("shift y", self.shift),
            aspect=rows.width / rows.height,
        )


def crop_window(scale: Range, ratio: Range, rows: Rows) -> tuple[Tensor, Tensor]:
    """Random resized crops: center (B, 2) in -1..1 and size (B, 2) in shares of the image, x first.

    As torchvision's `RandomResizedCrop`, after Inception (Szegedy et al. 2015): area uniform and ratio log-uniform,
    both drawn again until the crop fits, at most ten times; then the largest central crop of a legal ratio. Large
    areas fit fewer ratios, so that the areas seen are smaller than uniform ones. All ten are drawn at once and the
    first that fits is taken: no loop, nothing to wait for. As there, a crop fits that is less than half a pixel too
    long, and is cut; sides are real numbers, not whole pixels. A scale above 1 may show what is outside of the image,
    and takes the first draw.
    """
    low, high = (log(side / (rows.width / rows.height)) for side in ratio)
    area, log_shape = rows.columns("views: crop", 2 * TRIES).view(2, TRIES, -1).unbind(0)
    area, log_shape = area * (scale[1] - scale[0]) + scale[0], log_shape * (high - low) + low
    place = torch.stack([rows.uniform("crop x", -1, 1), rows.uniform("crop y", -1, 1)], dim=-1)
    if scale[1] > 1:
        size = _sides(area[0], log_shape[0])
        return place * (1 - size), size
    wide, tall = 2 * log(1 + 0.5 / rows.width), 2 * log(1 + 0.5 / rows.height)
    fits = area <= torch.minimum(wide - log_shape, tall + log_shape).exp()
    tries = torch.arange(TRIES, device=area.device).unsqueeze(1)
    first = torch.where(fits, tries, TRIES).amin(0, keepdim=True)
    chosen, found = first.clamp_max(TRIES - 1), (first < TRIES).view(-1, 1)
    size = _sides(area.gather(0, chosen)[0], log_shape.gather(0, chosen)[0]).clamp_max(1)
    central = size.new_tensor([exp(min(high, 0.0)), exp(-max(low, 0.0))])
    size = torch.where(found, size, central)
    return torch.where(found, place * (1 - size), 0.0), size


def _sides(area: Tensor, log_shape: Tensor) -> Tensor:
    """(B, 2) from the product (B,) of two sides and the logarithm (B,) of their ratio, x first."""
    root, shape = area.sqrt(), (log_shape / 2).exp()
    return torch.stack([root * shape, root / shape], dim=-1)
