"""Parameters of random views: which numbers a recipe draws for each view, in batch, on any device."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import NamedTuple

import torch
from torch import Tensor

from episodes import random
from episodes.errors import EpisodeError
from episodes.operations import geometry
from episodes.view_recipe import Range, ViewRecipe

MOST_VIEWS = 1 << 12  # view numbers of one image at one step stay below this

# Every number a view may draw has a place here; new ones go last, so that the older ones keep their values.
_SLOTS = (
    *("rotate", "zoom", "shear x", "shear y", "shift x", "shift y"),
    *("crop area", "crop ratio", "crop x", "crop y", "mirrored", "flipped", "turned", "quarters"),
    *("stroke", "jitter", "brightness", "contrast", "saturation", "hue", "grey", "blur", "sigma"),
    *("erase", "erase area", "erase ratio", "erase x", "erase y", "dropout"),
)
_ROOM = 64  # slots of one view, with room for more

Draw = Callable[[str, float, float], Tensor]  # (name, least, most) -> (B,) uniform in [least, most)


class Keys(NamedTuple):
    """Keys of the draws of one step: ints, or int64 tensors of one element where a compiled step must see no number."""

    views: int | Tensor
    elastic: int | Tensor
    dropout: int | Tensor


def keys_of(seed: int, step: int) -> Keys:
    """The keys of a step."""
    return Keys(*(random.key(seed, stream, step) for stream in ("views", "views: elastic", "views: dropout")))


def draw_parameters(
    recipe: ViewRecipe, *, keys: Keys, ids: Tensor, views: Tensor, channels: int, height: int, width: int
) -> dict[str, Tensor]:
    """The parameters of one view per row, (B, ...) each: a function of (keys, ids[b], views[b]) alone.

    An operation that the recipe leaves out, or that does nothing to images of one channel, has no entry:
    theta, elastic, window; stroke; brightness, contrast, saturation, hue; grey; sigma; erase; dropout, noise.

    Args:
        ids, views: (B,) int64 on one device; views in 0..4095.

    Raises:
        EpisodeError: quarter turns of images that are not square.
    """
    items = ids * MOST_VIEWS + views
    draw = _uniform(keys.views, items)
    drawn: dict[str, Tensor] = {}
    if recipe.moves:
        drawn |= _pose(recipe, draw, items, height, width)
    if recipe.elastic:
        drawn["elastic"] = _knots(recipe, keys.elastic, items)
    if recipe.stroke != (0.0, 0.0):
        drawn["stroke"] = draw("stroke", *recipe.stroke)
    if recipe.jitter:
        drawn |= _jitter(recipe, draw, channels)
    if recipe.grayscale and channels == 3:
        drawn["grey"] = draw("grey", 0, 1) < recipe.grayscale
    if recipe.blur:
        drawn["sigma"] = draw("sigma", *recipe.blur_sigma) * (draw("blur", 0, 1) < recipe.blur)
    if recipe.random_erasing:
        drawn["erase"] = _rectangle(recipe, draw, height, width)
    if recipe.dropout[1]:
        drawn["dropout"], drawn["noise"] = draw("dropout", *recipe.dropout), items
    return drawn


def _uniform(key: int | Tensor, items: Tensor) -> Draw:
    """All numbers of all views in one draw, handed out by name."""
    places = torch.arange(len(_SLOTS), device=items.device)
    units = dict(zip(_SLOTS, random.uniform(key, items * _ROOM + places.unsqueeze(1)).unbind(0), strict=True))

    def draw(name: str, least: float, most: float) -> Tensor:
        return units[name] * (most - least) + least

    return draw


def _around(draw: Draw, name: str, amount: float) -> Tensor:
    return draw(name, -amount, amount)


def _pose(recipe: ViewRecipe, draw: Draw, items: Tensor, height: int, width: int) -> dict[str, Tensor]:
    drawn: dict[str, Tensor] = {}
    theta = geometry.identity(items)
    if recipe.warps:
        theta = geometry.affine(
            _around(draw, "rotate", recipe.rotate),
            draw("zoom", log(recipe.zoom[0]), log(recipe.zoom[1])).exp(),
            _around(draw, "shear x", recipe.shear),
            _around(draw, "shear y", recipe.shear),
            _around(draw, "shift x", recipe.shift),
            _around(draw, "shift y", recipe.shift),
            aspect=width / height,
        )
    center, size = torch.zeros_like(theta[..., 2]), torch.ones_like(theta[..., 2])
    if recipe.crop_scale:
        center, size = crop_window(recipe.crop_scale, recipe.crop_ratio, draw, width / height)
        theta = geometry.crop(theta, center, size)
    if recipe.flip_horizontal or recipe.flip_vertical:
        mirrored = draw("mirrored", 0, 1) < recipe.flip_horizontal
        theta = geometry.flip(theta, mirrored, draw("flipped", 0, 1) < recipe.flip_vertical)
    if recipe.quarter_turns:
        if height != width:
            raise EpisodeError(f"views: quarter_turns needs square images, not {height} x {width}")
        turned = draw("turned", 0, 1) < recipe.quarter_turns
        theta = geometry.turn(theta, draw("quarters", 1, 4).to(torch.int64) * turned)
    # A crop alone never shows what is outside; a warp does, as black.
    if not recipe.warps and (recipe.crop_scale is None or recipe.crop_scale[1] <= 1):
        drawn["window"] = torch.stack([center, size], dim=1)
    return drawn | {"theta": theta}


def crop_window(scale: Range, ratio: Range, draw: Draw, aspect: float) -> tuple[Tensor, Tensor]:
    """Random resized crops: center (B, 2) in -1..1 and size (B, 2) in shares of the image, x first.

    Area uniform, ratio log-uniform, place uniform, as in Inception (Szegedy et al. 2015). Where torchvision draws area
    and ratio again until the crop fits, the ratio is drawn from those that fit the area: no loop, and every
    area as likely as it should be. An area that no ratio fits (of a very long image) is cut to the largest
    that one does. Sides are real numbers, not whole pixels.
    """
    low, high = (log(side / aspect) for side in ratio)
    area = draw("crop area", *scale)
    least, most = torch.full_like(area, low), torch.full_like(area, high)
    if scale[1] <= 1:
        area = area.clamp_max(exp(-max(low, -high, 0.0)))
        fits = -torch.log(area)
        least, most = torch.maximum(least, -fits), torch.minimum(most, fits)
    shape = torch.exp(least + draw("crop ratio", 0, 1) * (most - least))
    size = torch.stack([(area * shape).sqrt(), (area / shape).sqrt()], dim=-1)
    if scale[1] <= 1:
        size = size.clamp_max(1)  # for the last place of a rounding
    place = torch.stack([draw("crop x", -1, 1), draw("crop y", -1, 1)], dim=-1)
    return place * (1 - size), size


def _knots(recipe: ViewRecipe, key: int | Tensor, items: Tensor) -> Tensor:
    side = recipe.elastic_cells + 3
    cells = items.unsqueeze(1) * (2 * side * side) + torch.arange(2 * side * side, device=items.device)
    return random.uniform(key, cells).view(-1, 2, side, side)


def _jitter(recipe: ViewRecipe, draw: Draw, channels: int) -> dict[str, Tensor]:
    chosen = draw("jitter", 0, 1) < recipe.jitter
    names = ("brightness", "contrast", "saturation") if channels == 3 else ("brightness", "contrast")
    drawn = {}
    for name in names:
        amount = getattr(recipe, name)
        if amount:
            drawn[name] = torch.where(chosen, draw(name, max(0.0, 1 - amount), 1 + amount), 1.0)
    if recipe.hue and channels == 3:
        drawn["hue"] = _around(draw, "hue", recipe.hue) * chosen
    return drawn


def _rectangle(recipe: ViewRecipe, draw: Draw, height: int, width: int) -> Tensor:
    """Top, left, height and width (B, 4) in whole pixels; rows that erase nothing have no area."""
    area = (
        draw("erase area", *recipe.random_erasing_area)
        * (draw("erase", 0, 1) < recipe.random_erasing)
        * (height * width)
    )
    ratio = draw("erase ratio", log(recipe.random_erasing_ratio[0]), log(recipe.random_erasing_ratio[1])).exp()
    tall = (area * ratio).sqrt().round().clamp_max(height)
    wide = (area / ratio).sqrt().round().clamp_max(width)
    top = (draw("erase y", 0, 1) * (height - tall + 1)).floor()
    left = (draw("erase x", 0, 1) * (width - wide + 1)).floor()
    return torch.stack([top, left, tall, wide], dim=-1)
