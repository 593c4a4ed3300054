"""Size, channels and views of a comparison from its sources, where the recipe does not set them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from episodes import ImageSet

if TYPE_CHECKING:
    from metaclr.recipe import CompareRecipe

MAX_SIZE = {"cuda": 84, "cpu": 32}
"""Pixels of either side that are chosen at most: mini-ImageNet's size, and one that trains in minutes without a GPU."""

VIEWS = {1: "gentle", 3: "simclr"}
"""View recipes for line drawings and for photographs."""


def with_format(
    recipe: CompareRecipe, sources: Callable[[], Sequence[ImageSet]], device: str
) -> tuple[CompareRecipe, tuple[str, ...]]:
    """The recipe with size, channels and views, and lines that say which of them were chosen.

    Size is the smallest of the sources, at most `MAX_SIZE`; channels are 3 where a source has colors.

    Args:
        sources: loads the sources in their own size and channels; called where it is needed.
        device: type of the device that trains.
    """
    if recipe.size and recipe.channels and recipe.views:
        return recipe, ()
    if recipe.size and recipe.channels:
        return recipe.model_copy(update={"views": VIEWS[recipe.channels]}), ()
    images = sources()
    own = min(min(source.size) for source in images)
    most = MAX_SIZE.get(device, MAX_SIZE["cpu"])
    size = recipe.size or min(own, most)
    channels = recipe.channels or (3 if any(source.channels == 3 for source in images) else 1)
    views = recipe.views or VIEWS[channels]
    chosen = []
    if not recipe.size:
        larger = f" (set size=84 for that of mini-ImageNet, at about {(84 / size) ** 2:.0f} times the cost)"
        chosen.append(f"size = {size}{larger if own > size else ''}")
    if not recipe.channels:
        chosen.append(f"channels = {channels}")
    if not recipe.views:
        chosen.append(f"views = {views}")
    update = {"size": size, "channels": channels, "views": views}
    return recipe.model_copy(update=update), (f"chosen for the sources: {', '.join(chosen)}",)
