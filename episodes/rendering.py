"""The views of one training: a callable from episodes to pixels, which may be compiled for its length."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from episodes.image_set import ImageSet
from episodes.task import Episode
from episodes.views import Views, mix_queries, render, rotate_ways


class Rendering:
    """An episode to its pixels, float32 (T, N, V, C, H, W) in [0, 1]: `render` with one set, recipe and seed.

    >>> import torch
    >>> from episodes import EpisodeSampler, TaskShape, ViewRecipe
    >>> images = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> pixels = Rendering(images, ViewRecipe(rotate=10), seed=0)
    >>> pixels(EpisodeSampler(images, TaskShape(way=5, shot=1, query=1))(0)).shape
    torch.Size([1, 5, 2, 1, 8, 8])
    """

    def __init__(
        self,
        image_set: ImageSet,
        recipes: Views | Sequence[Views],
        *,
        seed: int,
        turned: bool = False,
        mixed: bool = False,
    ) -> None:
        """recipes: one for all views, or one for each of V positions.

        turned: rotate ways too, by `rotate_ways`. mixed: mix queries too, by `mix_queries`.
        """
        self.image_set, self.recipes, self.seed, self.turned, self.mixed = image_set, recipes, seed, turned, mixed
        self.compiled = False

    def __call__(self, episode: Episode) -> Tensor:
        """The pixels, on the device of the images, or of the pixels of the episode."""
        drawn = render(self.image_set, episode, self.recipes, seed=self.seed, compiled=self.compiled)
        drawn = rotate_ways(drawn, episode, seed=self.seed) if self.turned else drawn
        return mix_queries(drawn, episode, seed=self.seed) if self.mixed else drawn

    def compile(self) -> None:
        """Use `torch.compile` from the next call on; pixels stay the same up to float rounding."""
        self.compiled = True

    def eager(self) -> None:
        """Stop using the compiler."""
        self.compiled = False
