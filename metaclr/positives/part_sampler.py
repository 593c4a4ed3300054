"""Ways of parts of one item: patches of an image, frames of a clip; near parts are positives."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes import Episode, ImageSet, TaskShape, random
from episodes.epoch_permutation import EpochPermutation
from episodes.sampler import share_of_rank
from metaclr.errors import UserError


class PartSampler:
    """Batches of tasks, each a pure function of (seed, step); a way is an item, its views are parts of it.

    The first view of a way is a random part, the anchor; the others are random parts near it, each once before one
    comes again. Items are walked through by a keyed permutation, each once an epoch. Number of an image: item P + part.

    far: where given, each item has two ways of a task, whose anchors are far from each other: parts of one item are
    negatives too. joint: where given, probability of each ordered pair (anchor, part) for the first two views; further
    ones are drawn by the same probabilities given the anchor. in_order: the views of a way are sorted.
    """

    def __init__(
        self,
        images: ImageSet,
        near: Tensor,
        shape: TaskShape,
        *,
        seed: int,
        far: Tensor | None = None,
        rank: int = 0,
        world: int = 1,
        joint: Tensor | None = None,
        in_order: bool = False,
        what: str = "positives",
    ) -> None:
        """images: the parts (M P, C, H, W). near, far: bool (P, P). joint: (P, P), summing to 1, 0 on the diagonal.

        what: begins the names of settings in errors.

        Raises:
            UserError: no part is far from some part, an odd number of ways, or more ways than items.
        """
        self.image_set, self.shape, self.seed, self.rank, self.world = images, shape, seed, rank, world
        self._parts = len(near)
        self._near = near & ~torch.eye(len(near), dtype=torch.bool)
        self._far, self._ways = far, 1 if far is None else 2
        self._joint, self._in_order = joint, in_order
        items = len(images) // self._parts
        if far is not None and not bool(far.any(1).all()):
            raise UserError(f"{what}.far: no part of an item is far enough from some others; set a smaller window")
        if shape.way % self._ways:
            raise UserError(f"{what}.far needs an even number of ways, two of each item, not {shape.way}")
        if shape.way // self._ways > items:
            raise UserError(f"{images.name}: {shape.way} ways need {shape.way // self._ways} items, there are {items}")
        self._permutation = EpochPermutation(items, shape.way // self._ways, seed)

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: tables (T, N, V) of this rank, int64 on the CPU."""
        tasks, way = share_of_rank(self.shape, self.rank, self.world)
        places = (step * self.shape.tasks + tasks.unsqueeze(1)) * self.shape.way + way  # (T, N)
        items = self._permutation(places // self._ways)
        parts = self._near_parts(places, self._anchors(places, step), step)
        images = items.unsqueeze(-1) * self._parts + parts
        views = torch.arange(self.shape.views).expand(images.shape).contiguous()
        labels = items * self._ways + places % self._ways
        return Episode(images, views, labels, self.shape.shot, step)

    def _anchors(self, places: Tensor, step: int) -> Tensor:
        """The anchor of each way, (T, N)."""
        if self._joint is not None:
            below = self._joint.sum(1).cumsum(0)[:-1]
            return torch.bucketize(random.uniform(random.key(self.seed, "anchor", step), places), below, right=True)
        first = random.below(random.key(self.seed, "anchor", step), places // self._ways, self._parts)
        if self._far is None:
            return first
        second = _random_order(random.key(self.seed, "far anchor", step), places // self._ways, self._far[first])
        return torch.where(places % 2 == 0, first, second[..., 0])

    def _near_parts(self, places: Tensor, anchors: Tensor, step: int) -> Tensor:
        """The parts of each way, (T, N, V): the anchor, then parts near it."""
        near = self._near[anchors]
        key = random.key(self.seed, "near parts", step)
        if self._joint is None:
            order = _random_order(key, places, near)
        else:
            near = self._joint[anchors] > 0
            order = _weighted_order(key, places, self._joint[anchors])
        chain = torch.cat([anchors.unsqueeze(-1), order], -1)
        again = torch.arange(self.shape.views) % (near.sum(-1, keepdim=True) + 1)
        parts = chain.gather(-1, again)
        return parts.sort(-1).values if self._in_order else parts


def _weighted_order(key: int, places: Tensor, weights: Tensor) -> Tensor:
    """Indices of `weights` (..., P) in random order: each next one in proportion to its weight among those left.

    The order of exponential times with these rates (Efraimidis and Spirakis 2006).
    """
    parts = weights.shape[-1]
    words = random.uniform(key, places.unsqueeze(-1) * parts + torch.arange(parts)).clamp_min(1e-12)
    return (-words.log() / weights).masked_fill(weights <= 0, torch.inf).argsort(-1)


def _random_order(key: int, places: Tensor, allowed: Tensor) -> Tensor:
    """Indices of `allowed` (..., P) in a random order, the allowed ones first."""
    parts = allowed.shape[-1]
    words = random.uniform(key, places.unsqueeze(-1) * parts + torch.arange(parts))
    return words.masked_fill(~allowed, 2.0).argsort(-1)
