"""The views of one training: a callable that turns episodes into pixels, and may be compiled for its length."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from episodes.image_set import ImageSet
from episodes.task import Episode
from episodes.view_recipe import ViewRecipe
from episodes.views import render, rotate_ways


class Rendering:
    """An episode to its pixels, float32 (T, N, V, C, H, W) in [0, 1]: `render` of one set, recipe and seed."""

    def __init__(
        self, image_set: ImageSet, recipes: ViewRecipe | Sequence[ViewRecipe], *, seed: int, turned: bool = False
    ) -> None:
        """recipes: one for all views, or one for each of the V positions. turned: the ways too, by `rotate_ways`."""
        self.image_set, self.recipes, self.seed, self.turned = image_set, recipes, seed, turned
        self.compiled = False

    def __call__(self, episode: Episode) -> Tensor:
        """The pixels, on the device of the images or of the pixels that the episode brings."""
        drawn = render(self.image_set, episode, self.recipes, seed=self.seed, compiled=self.compiled)
        return rotate_ways(drawn, episode, seed=self.seed) if self.turned else drawn

    def compile(self) -> None:
        """From now on by `torch.compile`, at the next call; pixels stay the same up to float rounding."""
        self.compiled = True

    def eager(self) -> None:
        """From now on without the compiler."""
        self.compiled = False
