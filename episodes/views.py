"""From index tables to pixels: gather the images of an episode and render each of its views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from episodes import random
from episodes.augment import augment
from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.operations.geometry import quarter_turns
from episodes.task import Episode
from episodes.view_recipe import ViewRecipe


def render(image_set: ImageSet, episode: Episode, recipes: ViewRecipe | Sequence[ViewRecipe], *, seed: int) -> Tensor:
    """The pixels of an episode: float32 (T, N, V, C, H, W) in [0, 1], on the device of the image set.

    Args:
        recipes: one for all views, or one for each of the V positions (a plain support, strong queries).

    Raises:
        EpisodeError: a sequence of another length than V.
    """
    if not isinstance(recipes, ViewRecipe):
        return _by_position(image_set, episode, recipes, seed)
    device = image_set.images.device
    ids, views = episode.images.flatten(), episode.views.flatten()
    pixels = image_set.images.index_select(0, ids.to(device, non_blocking=True))
    items = ids.to(device, non_blocking=True), views.to(device, non_blocking=True)
    drawn = augment(pixels, recipes, seed=seed, step=episode.step, ids=items[0], views=items[1])
    return drawn.view(*episode.images.shape, *drawn.shape[1:])


def _by_position(image_set: ImageSet, episode: Episode, recipes: Sequence[ViewRecipe], seed: int) -> Tensor:
    count = episode.images.shape[2]
    if len(recipes) != count:
        raise EpisodeError(f"{len(recipes)} view recipes for V = {count} views of each way")
    parts = []
    for position, recipe in enumerate(recipes):
        one = Episode(
            episode.images[..., position : position + 1],
            episode.views[..., position : position + 1],
            episode.labels,
            shot=1,
            step=episode.step,
        )
        parts.append(render(image_set, one, recipe, seed=seed))
    return torch.cat(parts, dim=2)


def turn_ways(pixels: Tensor, episode: Episode, *, seed: int) -> Tensor:
    """The task transform of quarter turns: all views of a way turned alike by a random multiple of 90 degrees.

    A turned image is another class, so it must be the same for support and query. pixels (T, N, V, C, H, W) of
    square images. "Task augmentation" of Ni et al. 2022; rotated Omniglot classes of Vinyals et al. 2016.
    """
    ways = episode.labels.flatten().to(pixels.device, non_blocking=True)
    quarters = random.below(random.key(seed, "quarter turns", episode.step), ways, 4)
    rows = quarters.repeat_interleave(pixels.shape[2])
    return quarter_turns(pixels.flatten(0, 2), rows).view_as(pixels)
