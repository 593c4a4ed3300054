"""From index tables to pixels: gather the images of an episode and render each of its views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from episodes import random
from episodes.augment import augment, to_float
from episodes.compiled import augment_compiled
from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.operations.quarter_turns import quarter_turns
from episodes.task import Episode
from episodes.view_recipe import ViewRecipe

__all__ = ["Augmentation", "Views", "mix_queries", "render", "rotate_ways", "to_float"]

Augmentation = Callable[[Tensor], Tensor]
"""Views by a function: float32 (B, C, H, W) in [0, 1] to random views of the same shape, type and range.

It may use torch's global generator, which is seeded for each call by (seed, step) and restored afterwards: the views
are the same in every run, but those of a row depend on the rows that it is rendered with.
"""
Views = ViewRecipe | Augmentation
"""What renders the views of an image."""


def render(
    image_set: ImageSet,
    episode: Episode,
    recipes: Views | Sequence[Views],
    *,
    seed: int,
    device: torch.device | str | None = None,
    compiled: bool = False,
) -> Tensor:
    """The pixels of an episode: float32 (T, N, V, C, H, W) in [0, 1].

    Images are gathered as uint8 on their own device, unless the episode has pixels, and rendered on `device`, by
    default that of these pixels.

    Args:
        recipes: one for all views, or one for each of the V positions (a plain support, strong queries).
        compiled: view recipes by `torch.compile`: the same up to float rounding; raises what the compiler raises.

    Raises:
        EpisodeError: a sequence of another length than V, or a function that returns another shape or type.

    >>> images = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> index = torch.arange(4).view(1, 4, 1).expand(1, 4, 2)  # 4 ways, 2 views of one image each
    >>> episode = Episode(index, torch.arange(2).expand(1, 4, 2), index[..., 0], shot=1)
    >>> render(images, episode, ViewRecipe(rotate=10), seed=0).shape
    torch.Size([1, 4, 2, 1, 8, 8])
    """
    if not isinstance(recipes, Sequence):
        return _render(image_set, episode, recipes, seed, device, compiled)
    count = episode.images.shape[2]
    if len(recipes) != count:
        raise EpisodeError(f"{len(recipes)} view recipes for V = {count} views of each way")
    parts = []
    for recipe, positions in groupby(range(count), key=recipes.__getitem__):  # equal neighbors in one piece
        places = list(positions)
        at = slice(places[0], places[-1] + 1)
        parts.append(_render(image_set, _positions(episode, at), recipe, seed, device, compiled))
    return torch.cat(parts, dim=2)


def _render(
    image_set: ImageSet,
    episode: Episode,
    recipe: Views,
    seed: int,
    device: torch.device | str | None,
    compiled: bool,
) -> Tensor:
    compiled = compiled and isinstance(recipe, ViewRecipe)
    if compiled and device is None and episode.pixels is None and isinstance(image_set.images, Tensor):
        pixels, gathers = image_set.images, True  # by the compiled function, without a copy
    else:
        pixels, gathers = _gathered(image_set, episode), False
    target = pixels.device if device is None else torch.device(device)
    # Only copies towards a GPU may go on in the background: a CPU would read its tables before they are there.
    pixels = pixels.to(target, non_blocking=target.type == "cuda")
    if not isinstance(recipe, ViewRecipe):
        drawn = _called(recipe, to_float(pixels), random.key(seed, "views: function", episode.step))
        return drawn.view(*episode.images.shape, *drawn.shape[1:])
    ids, views = episode.images.flatten(), episode.views.flatten()
    ids, views = (table.to(target, non_blocking=target.type == "cuda") for table in (ids, views))
    draw = partial(augment_compiled, gather=gathers) if compiled else augment
    drawn = draw(pixels, recipe, seed=seed, step=episode.step, ids=ids, views=views)
    return drawn.view(*episode.images.shape, *drawn.shape[1:])


def _called(function: Augmentation, pixels: Tensor, key: int) -> Tensor:
    """The views by a function, with torch's global generator seeded and restored."""
    devices = [pixels.device] if pixels.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(key)
        drawn = function(pixels)
    if not isinstance(drawn, Tensor) or drawn.shape != pixels.shape or drawn.dtype != torch.float32:
        found = f"{drawn.dtype} {tuple(drawn.shape)}" if isinstance(drawn, Tensor) else type(drawn).__name__
        raise EpisodeError(f"views: the function must return float32 {tuple(pixels.shape)}, not {found}")
    return drawn.contiguous()


def _gathered(image_set: ImageSet, episode: Episode) -> Tensor:
    """uint8 (T * N * V, C, H, W): the image of every view."""
    if episode.pixels is not None:
        views = episode.images.shape[2]
        return episode.pixels.expand(-1, -1, views, -1, -1, -1).flatten(0, 2)
    at = image_set.images.device
    return image_set.images.index_select(0, episode.images.flatten().to(at, non_blocking=at.type == "cuda"))


def _positions(episode: Episode, at: slice) -> Episode:
    """Some of the V positions of every way."""
    pixels = episode.pixels
    if pixels is not None and pixels.shape[2] > 1:
        pixels = pixels[:, :, at]
    return replace(episode, images=episode.images[..., at], views=episode.views[..., at], shot=1, pixels=pixels)


def rotate_ways(pixels: Tensor, episode: Episode, *, seed: int, probability: float = 1.0) -> Tensor:
    """The task transform of quarter turns: all views of a way turned by the same 0, 90, 180 or 270 degrees.

    A turned image is another class, so support and query must turn together. "Task augmentation" of Ni et al.
    2022; turned Omniglot classes of Vinyals et al. 2016. The turn is drawn by (seed, step, label of the way);
    with probability 1 - `probability` a way is left unchanged. pixels (T, N, V, C, H, W) of square images.
    """
    ways = episode.labels.to(pixels.device, non_blocking=pixels.device.type == "cuda")
    key = random.key(seed, "quarter turns", episode.step)
    turned = random.uniform(random.key(seed, "turned ways", episode.step), ways) < probability
    return quarter_turns(pixels, random.below(key, ways, 4) * turned)


def mix_queries(pixels: Tensor, episode: Episode, *, seed: int, low: float = 0.01, high: float = 0.499) -> Tensor:
    """The task transform of CAMeLU: every query is mixed with a query of another way, which weighs less than half.

    q_n <- lam q_m + (1 - lam) q_n, lam uniform in [low, high) for each task, m = n + a step drawn for each task; the
    class stays that of n. Both are drawn by (seed, step, label of the task's first way). Support views stay as they
    are, and so do tasks of one way. pixels (T, N, V, C, H, W).
    """
    first = episode.labels[:, 0].to(pixels.device, non_blocking=pixels.device.type == "cuda")
    ways = pixels.shape[1]
    if ways < 2:
        return pixels
    share = random.uniform(random.key(seed, "mixed queries", episode.step), first) * (high - low) + low
    step = 1 + random.below(random.key(seed, "mixing ways", episode.step), first, ways - 1)
    other = (torch.arange(ways, device=pixels.device) + step.unsqueeze(1)) % ways
    tasks = torch.arange(len(pixels), device=pixels.device).unsqueeze(1)
    query = pixels[:, :, episode.shot :]
    mixed = torch.lerp(query, query[tasks, other], share.to(pixels.dtype).view(-1, 1, 1, 1, 1, 1))
    return torch.cat([pixels[:, :, : episode.shot], mixed], 2)
