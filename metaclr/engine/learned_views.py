"""Views by a network that is trained against the encoder, within a budget of change (Viewmaker).

Tamkin, Wu and Goodman 2021, arXiv:2010.07432. Differs from the authors (alextamkin/viewmaker): both networks take their
step on the same batch, the views by a reversed gradient (theirs in turn, each on views of its own), by one optimizer,
the recipe's (theirs SGD for the encoder and Adam for the views); Adam's steps are those of two optimizers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from episodes import random
from episodes.operations.rows import MAX_VIEWS
from metaclr.errors import UserError
from metaclr.networks.viewmaker import MIN_SIDE, Viewmaker

if TYPE_CHECKING:
    from episodes.task import Episode

SMALL = 1e-4
"""Added to the mean change before it is divided by, as the authors have it."""


class LearnedViews(nn.Module):
    """Pixels to views: clip(x + delta, 0, 1), with mean |delta| = `budget` over the pixels of each view.

    The gradient that reaches the network is reversed: where the encoder's step lowers the loss, its step raises it. The
    noise of a view is a function of (seed, step, image id, view number).
    """

    def __init__(self, channels: int, size: tuple[int, int], budget: float, seed: int) -> None:
        """Raises UserError for images smaller than `MIN_SIDE`."""
        super().__init__()
        if min(size) < MIN_SIDE:
            raise UserError(f"learned_views needs images of at least {MIN_SIDE} pixels a side, got {min(size)}")
        self.network, self.budget, self.seed = Viewmaker(channels), budget, seed

    def forward(self, pixels: Tensor, episode: Episode) -> Tensor:
        """(T, N, V, C, H, W) to the same shape."""
        rows = pixels.flatten(0, 2)
        ids = (episode.images * MAX_VIEWS + episode.views).flatten().to(rows.device)

        def noise(place: int, height: int, width: int) -> Tensor:
            pixel = torch.arange(height * width, device=rows.device)
            key = random.key(self.seed, "learned views", episode.step, place)
            return random.uniform(key, ids.unsqueeze(1) * (height * width) + pixel).view(-1, 1, height, width)

        change = self.network(rows, noise).to(rows.dtype)
        change = self.budget * change / (change.abs().mean((1, 2, 3), keepdim=True) + SMALL)
        if change.requires_grad:
            change.register_hook(torch.neg)
        made: Tensor = (rows + change).clamp(0, 1).view_as(pixels)
        return made
