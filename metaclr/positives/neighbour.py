"""An image and its nearest neighbors among all images, by the method's own embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, random
from metaclr.clusters import Clustering
from metaclr.clusters.labels import ClusterLabels
from metaclr.clusters.neighbors import Neighbors
from metaclr.errors import UserError
from metaclr.positives.objective_labels import without_labels
from metaclr.positives.source import Draw, Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Neighbour(Positives):
    """A way is an image and random ones of its `count` nearest neighbors.

    They are found `rounds` times, from the share `start` of the steps on; before that the views of a way are of one
    image. NNCLR (`metaclr methods show nnclr`) finds one neighbor in a queue instead. The defaults of `start` and
    `rounds` are the project's own.
    """

    summary: ClassVar[str] = "an image and its nearest neighbors by the method's own embeddings"
    reference: ClassVar[str] = "Van Gansbeke et al. 2020 (SCAN), arXiv:2005.12320"
    count: int = 5
    start: float = 0.2
    rounds: int = 4

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UserError(f"neighbour.count = {self.count} must be at least 1")

    def method(self, method: Method) -> Method:
        """Ways are images, each a class of its own, whose neighbors are found as clusters are."""
        objective = without_labels(method, "neighbour")
        how = Clustering(Neighbors(self.count), start=self.start, rounds=self.rounds)
        return replace(method, way_type="instances", labels="cluster", clusters=how, objective=objective)

    def sampler(self, draw: Draw) -> NeighbourSampler:
        """Ways of an image and its neighbors."""
        assert draw.clusters is not None
        if len(draw.images) <= self.count:
            raise UserError(f"neighbour.count = {self.count}: {draw.images.name} has {len(draw.images)} images")
        return NeighbourSampler(draw, draw.clusters)


class NeighbourSampler:
    """As `EpisodeSampler` with images as ways, whose views after the first are of random neighbors of the first.

    A way of more views than neighbors has some of them twice, as other views.
    """

    def __init__(self, draw: Draw, neighbors: ClusterLabels) -> None:
        self.image_set: ImageSet = draw.images.unlabelled()
        self.shape: TaskShape = draw.shape
        self._first = EpisodeSampler(self.image_set, draw.shape, seed=draw.seed, rank=draw.rank, world=draw.world)
        self._neighbors, self._seed = neighbors, draw.seed

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: a function of (seed, step, neighbors)."""
        episode = self._first(step)
        if int(self._neighbors.step) < 0:
            return episode
        near: Tensor = self._neighbors.labels.cpu().long()  # (K, M)
        anchors, views = episode.images[..., :1], torch.arange(episode.images.shape[2])
        rows = anchors * len(near) + torch.arange(len(near))
        order = random.random_words(random.key(self._seed, "neighbors", step), rows).argsort(-1)
        chosen = near[order[..., (views[1:] - 1) % len(near)], anchors]
        return replace(episode, images=torch.cat([anchors, chosen], -1))


SOURCE = Neighbour
