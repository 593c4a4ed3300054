"""Tasks whose classes are the clusters of the moment."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, random
from metaclr.clusters.labels import ClusterLabels
from metaclr.errors import UserError


class ClusterSampler:
    """Batches of tasks as `EpisodeSampler`, from one partition drawn for each step; a function of (seed, step, labels).

    Before the first clustering the ways are images. Where fewer clusters than ways have V images, tasks have fewer ways
    and there are more of them, so that the views of a step stay the same.

    shape: of the tasks before that. way_type: "classes" draws ways from clusters; "instances" draws images, which carry
    the labels of their clusters. rank, world: as `EpisodeSampler`.
    """

    def __init__(
        self,
        image_set: ImageSet,
        shape: TaskShape,
        clusters: ClusterLabels,
        *,
        way_type: str,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.image_set, self.shape, self.clusters = image_set.unlabelled(), shape, clusters
        self.way_type, self.seed, self.rank, self.world = way_type, seed, rank, world
        self._first = EpisodeSampler(self.image_set, shape, seed=seed, rank=rank, world=world)
        self._made = -1
        self._samplers: list[EpisodeSampler] = []

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0.

        Raises:
            UserError: fewer than two clusters of V images.
        """
        made = int(self.clusters.step)
        if made < 0:
            return self._first(step)
        if made != self._made:
            self._samplers = [self._sampler(labels) for labels in self.clusters.labels.long().cpu()]
            self._made = made
        return self._samplers[random.key(self.seed, "partition", step) % len(self._samplers)](step)

    def _sampler(self, labels: Tensor) -> EpisodeSampler:
        labelled = self.image_set.with_labels(labels)
        shape, draw = self.shape, partial(EpisodeSampler, labelled, seed=self.seed, rank=self.rank, world=self.world)
        if self.way_type == "instances":
            return draw(shape, way_type="instances", labels="given")
        large = int((labelled.class_counts() >= shape.views).sum())
        ways = shape.tasks * shape.way
        way = max((way for way in range(2, min(large, shape.way) + 1) if ways % way == 0), default=0)
        if not way:
            raise UserError(
                f"{self.image_set.name}: {large} clusters of at least {shape.views} images, and a task needs 2; set "
                "clusters.start=0.2 to train on single images first, or fewer shots and queries"
            )
        fitted = TaskShape(way, shape.shot, shape.query, ways // way)
        return draw(fitted, way_type="classes", leave_out_small=True)
