"""Mixtures of sources of positives: each step's tasks are of one source, and the steps are shared among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from episodes import Episode, ImageSet, random
from episodes.joined_images import JoinedImages
from metaclr.errors import UserError
from metaclr.positives.label import Label
from metaclr.positives.objective_labels import of_instances
from metaclr.positives.source import Draw, Positives

if TYPE_CHECKING:
    from episodes.prefetch import Sampler
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Mixture(Positives):
    """`positives = "augmentation+2*time"`: one step of three on augmentations, two on frames.

    A step is of one source, so the expected loss is the sum of the sources' losses, weighted by their shares. Every way
    is a class of its own, also for an objective that reads labels: images of two ways may have one label, as in a task
    of `label`. All tasks have as many ways as the source with the fewest classes allows.
    """

    summary: ClassVar[str] = "steps of several sources in turn, by their shares"
    reference: ClassVar[str] = "the project's own control"
    names: tuple[str, ...]
    """Of the sources, which are `sources` with their settings."""
    sources: tuple[Positives, ...]
    weights: tuple[float, ...]
    """Relative numbers of steps; each above 0."""

    @property
    def title(self) -> str:
        """The sources with their weights, as a user writes them."""
        marks = ["" if weight == 1 else f"{weight:g}*" for weight in self.weights]
        return "+".join(mark + name for mark, name in zip(marks, self.names, strict=True))

    def method(self, method: Method) -> Method:
        """Ways are of all sources, each a class of its own.

        Raises:
            UserError: a source that does not fit the method or the others, with the reason.
        """
        bare = of_instances(method, self.title)
        changed = [source.method(bare) for source in self.sources]
        kinds = {one.labels: name for one, name in zip(changed, self.names, strict=True)}
        if {"given", "cluster"} <= kinds.keys() or sum(one.labels == "cluster" for one in changed) > 1:
            raise UserError(
                f"{method.name or 'method'}.positives = {self.title!r}: a mixture has labels, or clusters or neighbors "
                "of one kind, not several of them; leave one out"
            )
        labels = next(of for of in ("cluster", "given", "instance") if of in kinds)
        clusters = next((one.clusters for one in changed if one.clusters), None)
        by_class = any(one.way_type == "classes" for one in changed)
        return replace(bare, way_type="classes" if by_class else "instances", labels=labels, clusters=clusters)

    def labelled(self, images: ImageSet) -> ImageSet:
        """The labels of the source with the fewest classes: they limit the ways of all tasks."""
        found = [(source, source.labelled(images)) for source in self.sources]
        by_class = [one for source, one in found if one is not images or isinstance(source, Label)]
        return min(by_class, key=lambda one: one.classes, default=images)

    def rendered(self, images: ImageSet) -> ImageSet:
        """The images of all sources, those that several share once."""
        parts = list({start: one.images for one, start in self._placed(images)}.values())
        if len(parts) == 1:
            return images
        return ImageSet(JoinedImages(parts), name=f"{self.title} of {images.name}")

    def _placed(self, images: ImageSet) -> list[tuple[ImageSet, int]]:
        """What each source renders, and the number of its first image among those of all; shared images have one."""
        placed: list[tuple[ImageSet, int]] = []
        free = 0
        for source in self.sources:
            one = source.rendered(images)
            start = next((start for other, start in placed if other.images is one.images), None)
            placed.append((one, free if start is None else start))
            free += len(one) if start is None else 0
        return placed

    def sampler(self, draw: Draw) -> MixtureSampler:
        """The tasks of each step, of the source whose turn it is."""
        assert draw.source is not None
        bare = replace(draw.method, way_type="instances", labels="instance", clusters=None)
        samplers = [
            (source.sampler(replace(draw, images=images, method=source.method(bare))), start)
            for source, (images, start) in zip(self.sources, self._placed(draw.source), strict=True)
        ]
        return MixtureSampler(draw, samplers, self.weights)

    def notes(self, images: ImageSet) -> tuple[str, ...]:
        """The shares, and the notes of the sources."""
        total = sum(self.weights)
        shares = ", ".join(f"{100 * w / total:.3g} % {n}" for w, n in zip(self.weights, self.names, strict=True))
        return (f"steps by source of positives: {shares}", *(n for s in self.sources for n in s.notes(images)))

    def key(self, images: ImageSet) -> str:
        """Those of the sources."""
        return " ".join(key for source in self.sources if (key := source.key(images)))


class MixtureSampler:
    """Batches of tasks, each a pure function of (seed, step): those of one sampler, by its own count of steps.

    The first n steps have the share of each sampler to within one step for two samplers, and to within k - 1 for k.
    """

    def __init__(self, draw: Draw, samplers: Sequence[tuple[Sampler, int]], weights: tuple[float, ...]) -> None:
        """samplers: with what is added to the numbers of their images."""
        self.image_set, self.shape = draw.images, draw.shape
        self._samplers, self._weights, self._seed = samplers, weights, draw.seed

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: tables (T, N, V) of this rank, int64 on the CPU."""
        which, count = turn(self._weights, self._seed, step)
        sampler, start = self._samplers[which]
        episode = sampler(count)
        return replace(episode, images=episode.images + start, step=step)


def turn(weights: tuple[float, ...], seed: int, step: int) -> tuple[int, int]:
    """Which sampler a step is of, and how many steps before it were of that one.

    Each sampler in turn takes its share of the steps that the earlier ones leave, as evenly as whole steps allow: step
    s where floor(s share + phase) grows, with a phase that the seed draws.

    >>> [turn((1, 1), 0, step) for step in range(4)]
    [(1, 0), (0, 0), (1, 1), (0, 1)]
    """
    left, word = sum(weights), random.key(seed, "mixture of positives")
    for which, weight in enumerate(weights[:-1]):
        share, phase = weight / left, random.key(word, "phase", which) % 4096 / 4096
        taken = math.floor(step * share + phase)
        if math.floor((step + 1) * share + phase) > taken:
            return which, taken
        step, left = step - taken, left - weight
    return len(weights) - 1, step


def parse_mixture(text: str) -> Mixture:
    """A mixture as a user writes it: names joined by +, each with a weight before it or none, `label+0.5*time`.

    Raises:
        UserError: an unknown source (with the nearest), one that is named twice, `pair`, or a weight that is not a
            number above 0.
    """
    from metaclr import positives

    names, weights = [], []
    for item in text.split("+"):
        weight, star, name = item.rpartition("*")
        try:
            number = float(weight) if star else 1.0
        except ValueError:
            number = 0.0
        if not 0 < number < math.inf:
            raise UserError(f"positives = {text!r}: {weight.strip()!r} is no weight; write a number above 0, as 2*time")
        names.append(name.strip())
        weights.append(number)
    sources = tuple(positives.get(name)() for name in names)
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"positives = {text!r} names {twice[0]!r} twice; give it a weight, as 2*{twice[0]}")
    if "pair" in names:
        raise UserError(f"positives = {text!r}: the support of a pair is a text, which other sources do not have")
    return Mixture(tuple(names), sources, tuple(weights))
