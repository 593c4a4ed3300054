"""What a source of positives declares: how a method takes its ways, what is rendered, and which examples form a way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from episodes import EpisodeSampler, ImageSet, TaskShape
from metaclr.clusters.labels import ClusterLabels
from metaclr.clusters.sampler import ClusterSampler

if TYPE_CHECKING:
    from episodes.prefetch import Sampler
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Draw:
    """What a sampler is made of. images: those that are rendered. rank, world: whose part of each batch it draws."""

    images: ImageSet
    items: int
    """Images of the source data set, of which those that are rendered may be parts."""
    shape: TaskShape
    method: Method
    seed: int
    rank: int = 0
    world: int = 1
    clusters: ClusterLabels | None = None
    """Of a learner that trains on clusters or neighbors of its own embeddings."""
    source: ImageSet | None = None
    """The source data set, for mixtures, whose sources render it each in its own way."""


@dataclass(frozen=True)
class Positives:
    """Base of the sources: a frozen value of settings; the defaults leave images and sampler as they are."""

    summary: ClassVar[str]
    """One line: which examples belong together."""
    reference: ClassVar[str]
    """Who and where."""

    def method(self, method: Method) -> Method:
        """The method with ways of this source.

        Raises:
            UserError: a method whose objective needs what the source does not give.
        """
        raise NotImplementedError

    def labelled(self, images: ImageSet) -> ImageSet:
        """The images under the labels that ways are drawn by.

        Raises:
            UserError: images without what the source reads.
        """
        return images

    def ways(self, images: ImageSet) -> ImageSet:
        """The images whose number, and whose images a class, limit the ways of a task: of `labelled`, or fewer."""
        return self.labelled(images)

    def rendered(self, images: ImageSet) -> ImageSet:
        """The images that the tables of the sampler index: those of `labelled`, or parts of them."""
        return self.labelled(images)

    def sampler(self, draw: Draw) -> Sampler:
        """Which examples form the ways of each step: a function of (seed, step).

        Raises:
            UserError, EpisodeError: tasks that the images cannot fill.
        """
        return plain_sampler(draw)

    def notes(self, images: ImageSet) -> tuple[str, ...]:
        """What a reader of the tables should know about this source on these images."""
        return ()

    def key(self, images: ImageSet) -> str:
        """Hash of what the source reads of a set beside pixels, labels and class names; part of a run's identity."""
        return ""


def plain_sampler(draw: Draw) -> Sampler:
    """Ways of images, of labelled classes or of clusters, as the method says."""
    method, part = draw.method, {"seed": draw.seed, "rank": draw.rank, "world": draw.world}
    if method.labels == "cluster":
        assert draw.clusters is not None
        return ClusterSampler(draw.images, draw.shape, draw.clusters, way_type=method.way_type, **part)
    return EpisodeSampler(
        draw.images, draw.shape, way_type=method.way_type, labels=method.labels, leave_out_small=True, **part
    )
