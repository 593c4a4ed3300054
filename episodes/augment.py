"""Random views in one batched pass: parameters drawn per row, then one interpolation, one colour map."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from episodes import random
from episodes.errors import EpisodeError
from episodes.operations import colour, geometry, texture
from episodes.view_recipe import ViewRecipe

MOST_VIEWS = 1 << 12  # view numbers of one image at one step stay below this
_CHUNK_BYTES = 1 << 20  # of float pixels: what stays in a core's cache from one operation to the next


def augment(images: Tensor, recipe: ViewRecipe, *, seed: int, step: int, ids: Tensor, views: Tensor) -> Tensor:
    """One random view of each image: uint8 (B, C, H, W) to float32 (B, C, H, W) in [0, 1].

    Row b is a pure function of (seed, step, ids[b], views[b]) and its pixels, so any split of the batch, on
    any number of ranks, gives the same rows. Order: pose (one bilinear interpolation), stroke width, colour,
    grey, blur, lost pixels, erasing; clamped once, at the end.

    Args:
        ids, views: (B,) int64, which image and which view of it (0..4095).

    Raises:
        EpisodeError: pixels that are not uint8 (B, C, H, W), or ids and views of another length.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise EpisodeError(f"augment takes uint8 (B, C, H, W), not {images.dtype} {tuple(images.shape)}")
    if ids.shape != images.shape[:1] or views.shape != images.shape[:1]:
        raise EpisodeError(f"ids and views must be ({len(images)},), not {tuple(ids.shape)}, {tuple(views.shape)}")
    if recipe == ViewRecipe():
        return to_float(images)
    items = ids * MOST_VIEWS + views
    # A GPU wants one large piece; a CPU wants pieces that stay in its cache.
    rows = max(1, _CHUNK_BYTES // (4 * images[0].numel())) if images.device.type == "cpu" else len(images)
    if len(images) <= rows:
        return _views(to_float(images), recipe, Draws(seed, step, items))
    out = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    for start in range(0, len(images), rows):
        piece = slice(start, start + rows)
        out[piece] = _views(to_float(images[piece]), recipe, Draws(seed, step, items[piece]))
    return out


def to_float(images: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1], the same for training and evaluation; no mean or deviation is taken out."""
    return images.to(torch.float32).mul_(1 / 255)


class Draws:
    """Random parameters by name, one per row: functions of (seed, name, step, row item)."""

    def __init__(self, seed: int, step: int, items: Tensor) -> None:
        self.seed, self.step, self.items = seed, step, items

    def uniform(self, name: str, least: float, most: float) -> Tensor:
        """(B,) uniform in [least, most)."""
        unit = random.uniform(random.key(self.seed, f"view {name}", self.step), self.items)
        return unit.mul_(most - least).add_(least)

    def chance(self, name: str, probability: float) -> Tensor:
        """(B,) bool, True with a probability."""
        return self.uniform(f"{name}?", 0, 1) < probability

    def field(self, name: str, *shape: int) -> Tensor:
        """(B, *shape) uniform in [0, 1)."""
        count = torch.Size(shape).numel()
        cells = self.items.unsqueeze(1) * count + torch.arange(count, device=self.items.device)
        return random.uniform(random.key(self.seed, f"view {name}", self.step), cells).view(-1, *shape)


def _views(x: Tensor, recipe: ViewRecipe, draws: Draws) -> Tensor:
    if recipe.moves:
        x = _pose(x, recipe, draws)
    if recipe.stroke != (0.0, 0.0):
        x = texture.stroke_width(x, draws.uniform("stroke", *recipe.stroke))
    if recipe.jitter:
        x = _jitter(x, recipe, draws)
    if recipe.grey and x.shape[1] == 3:
        x = colour.apply_map(x, colour.to_grey(draws.chance("grey", recipe.grey)))
    if recipe.blur:
        sigma = draws.uniform("sigma", *recipe.blur_sigma) * draws.chance("blur", recipe.blur)
        x = texture.gaussian_blur(x, sigma, radius=max(1, x.shape[-1] // 20))  # SimCLR: a tenth of the image
    if recipe.dropout:
        noise = draws.field("dropout", 1, *x.shape[-2:])
        x = texture.drop_pixels(x, noise, draws.uniform("dropout share", 0, recipe.dropout))
    if recipe.erase:
        x = _erase(x, recipe, draws)
    return x.clamp_(0, 1)


def _pose(x: Tensor, recipe: ViewRecipe, draws: Draws) -> Tensor:
    def around(name: str, amount: float) -> Tensor:
        return draws.uniform(name, -amount, amount) if amount else torch.zeros_like(draws.items, dtype=x.dtype)

    zoom = draws.uniform("zoom", log(recipe.zoom[0]), log(recipe.zoom[1])).exp_()
    theta = geometry.affine(
        around("rotate", recipe.rotate),
        zoom,
        around("shear x", recipe.shear),
        around("shear y", recipe.shear),
        around("shift x", recipe.shift),
        around("shift y", recipe.shift),
    )
    if recipe.crop_scale:
        theta = geometry.crop(theta, *_crop(recipe.crop_scale, recipe.crop_ratio, draws))
    if recipe.flip_horizontal or recipe.flip_vertical:
        mirrored = (
            draws.chance("mirrored", recipe.flip_horizontal),
            draws.chance("flipped", recipe.flip_vertical),
        )
        theta = geometry.flip(theta, *mirrored)
    if recipe.quarter_turns:
        quarters = draws.uniform("quarters", 1, 4).to(torch.int64) * draws.chance("turned", recipe.quarter_turns)
        theta = geometry.turn(theta, quarters)
    displacement = None
    if recipe.elastic:
        control = draws.field("elastic", 2, recipe.elastic_cells, recipe.elastic_cells)
        displacement = geometry.smooth_field((control * 2 - 1) * recipe.elastic, *x.shape[-2:])
    return geometry.sample(x, theta, displacement)


def _crop(scale: tuple[float, float], ratio: tuple[float, float], draws: Draws) -> tuple[Tensor, ...]:
    """Centre x, y and width, height of random resized crops: area and log ratio uniform, place uniform.

    torchvision draws again when a crop does not fit; here its sides are cut to the image, without a loop.
    """
    area = draws.uniform("crop area", *scale)
    aspect = draws.uniform("crop ratio", log(ratio[0]), log(ratio[1])).exp_()
    width, height = (area * aspect).sqrt_(), (area / aspect).sqrt_()
    if scale[1] <= 1:
        width, height = width.clamp_(max=1), height.clamp_(max=1)
    x = draws.uniform("crop x", -1, 1) * (1 - width)
    y = draws.uniform("crop y", -1, 1) * (1 - height)
    return x, y, width, height


def _jitter(x: Tensor, recipe: ViewRecipe, draws: Draws) -> Tensor:
    chosen = draws.chance("jitter", recipe.jitter)

    def factor(name: str, amount: float) -> Tensor:
        return torch.where(chosen, draws.uniform(name, max(0.0, 1 - amount), 1 + amount), 1.0)

    brightness, contrast = factor("brightness", recipe.brightness), factor("contrast", recipe.contrast)
    if x.shape[1] == 1:
        return colour.adjust_grey(x, brightness, contrast)
    saturation = factor("saturation", recipe.saturation)
    x = colour.apply_map(x, *colour.colour_map(x.mean((2, 3)), brightness, contrast, saturation))
    if recipe.hue:
        x = colour.shift_hue(x.clamp_(0, 1), draws.uniform("hue", -recipe.hue, recipe.hue) * chosen)
    return x


def _erase(x: Tensor, recipe: ViewRecipe, draws: Draws) -> Tensor:
    height, width = x.shape[-2:]
    aspect = draws.uniform("erase ratio", log(0.3), log(3.3)).exp_()  # Zhong et al. 2017, arXiv:1708.04896
    area = draws.uniform("erase area", *recipe.erase_area) * draws.chance("erase", recipe.erase)
    tall = ((area * aspect).sqrt() * height).round_().clamp_(max=height)
    wide = ((area / aspect).sqrt() * width).round_().clamp_(max=width)
    top = (draws.uniform("erase top", 0, 1) * (height - tall + 1)).floor_()
    left = (draws.uniform("erase left", 0, 1) * (width - wide + 1)).floor_()
    return texture.erase(x, top, left, tall, wide)
