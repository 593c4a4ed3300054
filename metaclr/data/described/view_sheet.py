"""A sheet of random views: each row an image of a set and some of its views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from episodes import Episode, ImageSet, ViewRecipe, Views, random, render

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 3


def view_sheet(image_set: ImageSet, recipe: ViewRecipe, *, images: int = 8, views: int = 11, seed: int = 0) -> Image:
    """A picture of up to `images` rows, drawn at random from `seed`: the image, and `views` views of it."""
    from PIL import Image

    pixels = draw_views(image_set, recipe, images=images, views=views, seed=seed)
    rows, columns, channels, height, width = pixels.shape
    zoom = max(1, 56 // max(height, width))
    high, wide = zoom * height + _GAP, zoom * width + _GAP
    sheet = Image.new("RGB", (_GAP + columns * wide, _GAP + rows * high), "white")
    values = (255 * pixels).round().to(torch.uint8).permute(0, 1, 3, 4, 2).numpy()
    for row in range(rows):
        for column in range(columns):
            of_one = values[row, column]
            picture = Image.fromarray(of_one[..., 0] if channels == 1 else of_one)
            enlarged = picture.resize((zoom * width, zoom * height), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (_GAP + column * wide, _GAP + row * high))
    return sheet


def draw_views(image_set: ImageSet, recipe: Views | Sequence[Views], *, images: int, views: int, seed: int) -> Tensor:
    """The pixels of a sheet: float32 (images, 1 + views, C, H, W) in [0, 1], the unchanged image first.

    recipe: one for all views, or one for each of them.
    """
    count = min(images, len(image_set))
    chosen = random.permute(random.key(seed, "view sheet"), torch.arange(count), len(image_set))
    index = chosen.view(1, count, 1).expand(1, count, 1 + views).contiguous()
    episode = Episode(index, torch.arange(1 + views).expand(index.shape).contiguous(), index[..., 0], shot=1)
    recipes = list(recipe) if isinstance(recipe, Sequence) else [recipe] * views
    return render(image_set, episode, [ViewRecipe(), *recipes], seed=seed)[0]
