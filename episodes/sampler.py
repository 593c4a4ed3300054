"""Which images form a task: a training batch as a pure function of (seed, step), and evaluation tables."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from episodes import random
from episodes.epoch_permutation import EpochPermutation
from episodes.errors import EpisodeError
from episodes.image_set import ImageSet, by_class
from episodes.sample_without_replacement import sample_without_replacement
from episodes.task import Episode, EpisodeTable, TaskShape

WayType = Literal["instances", "classes"]
Labels = Literal["instance", "given"]

_CHUNK = 1 << 18  # image draws at a time: few enough for the cache, enough to hide the cost of a call


class EpisodeSampler:
    """Batches of tasks drawn from `image_set`, each a pure function of (seed, step); index tables on the CPU.

    way_type "instances": a way is one image, seen in V = K + Q views; the batches walk through the set by a keyed
    permutation, each image once an epoch. way_type "classes": N distinct classes a task, V distinct images a class,
    all uniform and independent between tasks (cluster ways: `image_set.with_labels(clusters)`). A batch of more
    instance ways than there are images holds an image in several tasks, with other view numbers in each.

    labels: what Episode.labels holds: "instance" the image index (default of instance ways), "given" the class of the
    image (needs labels). Class ways always hold the class. leave_out_small: draw no tasks from classes of fewer than V
    images, instead of refusing the set.

    Of `world` processes, `rank` gets the tasks rank, rank + world, ... of the batch (the ways, if tasks == 1), so
    that all of them together hold exactly the batch that one process would.

    Raises EpisodeError, before any draw, for a shape that the set cannot fill: it names the class and the limit.

    >>> images = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> episode = EpisodeSampler(images, TaskShape(way=5, shot=1, query=2), seed=0)(step=3)
    >>> episode.images.shape, episode.shot
    (torch.Size([1, 5, 3]), 1)
    """

    def __init__(
        self,
        image_set: ImageSet,
        shape: TaskShape,
        *,
        way_type: WayType = "instances",
        labels: Labels | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        leave_out_small: bool = False,
    ) -> None:
        if way_type not in ("instances", "classes"):
            raise EpisodeError(f"way_type must be 'instances' or 'classes' (clusters: with_labels), not {way_type!r}")
        if labels not in (None, "instance", "given"):
            raise EpisodeError(f"labels must be 'instance' or 'given', not {labels!r}")
        _check_ranks(shape, rank, world)
        self.image_set, self.shape, self.way_type, self.seed = image_set, shape, way_type, seed
        self.rank, self.world = rank, world
        self.labels: Labels = labels or ("instance" if way_type == "instances" else "given")
        self._given = image_set.required_labels() if way_type == "instances" and labels == "given" else None
        if way_type == "instances":
            if shape.way > len(image_set):
                raise EpisodeError(
                    f"{image_set.name}: {shape.way} ways of one image each, but there are {len(image_set)} images; "
                    f"way can be at most {len(image_set)}"
                )
            self._permutation = EpochPermutation(len(image_set), shape.way, seed)
        else:
            self._classes = _index_classes(image_set, shape, leave_out_small)

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: tables (T, N, V) of this rank, int64 on the CPU."""
        if step < 0:
            raise EpisodeError(f"step must be at least 0, not {step}")
        tasks, way = share_of_rank(self.shape, self.rank, self.world)
        return self._instances(step, tasks, way) if self.way_type == "instances" else self._labelled(step, tasks, way)

    def _instances(self, step: int, tasks: Tensor, way: Tensor) -> Episode:
        batch = self.shape.tasks * self.shape.way
        positions = step * batch + tasks.unsqueeze(1) * self.shape.way + way
        images = self._permutation(positions)
        shape = (*images.shape, self.shape.views)
        views = torch.arange(self.shape.views).expand(shape)
        if batch > len(self.image_set):  # an image that comes again in this batch brings other views
            again = positions // len(self.image_set) - step * batch // len(self.image_set)
            views = views + (again * self.shape.views).unsqueeze(2)
        return Episode(
            images=images.unsqueeze(2).expand(shape).contiguous(),
            views=views.contiguous(),
            labels=images if self._given is None else self._given[images],
            shot=self.shape.shot,
            step=step,
        )

    def _labelled(self, step: int, tasks: Tensor, way: Tensor) -> Episode:
        index, count = self._classes, self.shape.way
        classes = (
            sample_without_replacement(random.key(self.seed, "classes", step), tasks, len(index.counts), count)
            .T[:, way]
            .long()
        )
        rows = tasks.unsqueeze(1) * count + way
        images = _draw_images(index, random.key(self.seed, "images", step), classes, rows, self.shape.views)
        images = images.T.reshape(*classes.shape, self.shape.views).long()
        return Episode(images, torch.zeros_like(images), index.ids[classes], self.shape.shot, step)


def share_of_rank(shape: TaskShape, rank: int, world: int) -> tuple[Tensor, Tensor]:
    """Numbers of the tasks (T,) and ways (N,) of a batch that one rank draws: several tasks are shared, else ways."""
    tasks, way = torch.arange(shape.tasks), torch.arange(shape.way)
    return (tasks[rank::world], way) if shape.tasks > 1 else (tasks, way[rank::world])


def sample_table(
    image_set: ImageSet, shape: TaskShape, count: int, seed: int, *, leave_out_small: bool = False
) -> EpisodeTable:
    """`count` evaluation episodes of N distinct classes with K support and Q query images each, all distinct.

    Uniform over classes, and over images within a class; episode e is a pure function of (seed, e), so a longer
    table begins with the shorter one. `shape.tasks` is ignored. leave_out_small: as `EpisodeSampler`. Raises
    EpisodeError for a shape that the set cannot fill, for no queries, and for count < 1.

    >>> labels = torch.arange(6).repeat_interleave(4)
    >>> images = ImageSet(torch.zeros(24, 1, 8, 8, dtype=torch.uint8), labels)
    >>> sample_table(images, TaskShape(way=5, shot=1, query=3), count=100, seed=0).query.shape
    torch.Size([100, 5, 3])
    """
    if count < 1 or shape.query < 1:
        raise EpisodeError(f"a table needs at least 1 episode and 1 query, not {count} and {shape.query}")
    index = _index_classes(image_set, shape, leave_out_small)
    class_key, image_key = random.key(seed, "table classes"), random.key(seed, "table images")
    support = torch.empty(count, shape.way, shape.shot, dtype=torch.int64)
    query = torch.empty(count, shape.way, shape.query, dtype=torch.int64)
    chunk = max(1, _CHUNK // (shape.way * shape.views))
    for start in range(0, count, chunk):
        here = slice(start, min(start + chunk, count))
        episodes = torch.arange(here.start, here.stop)
        classes = sample_without_replacement(class_key, episodes, len(index.counts), shape.way).T.long()
        rows = episodes.unsqueeze(1) * shape.way + torch.arange(shape.way)
        images = _draw_images(index, image_key, classes, rows, shape.views)
        support[here].view(-1, shape.shot).copy_(images[: shape.shot].T)
        query[here].view(-1, shape.query).copy_(images[shape.shot :].T)
    return EpisodeTable(support, query, image_set.fingerprint(), seed)


class _Classes(NamedTuple):
    """Images by class: class ids[c] is order[starts[c] : starts[c] + counts[c]]; order, starts are int32 for speed."""

    order: Tensor
    starts: Tensor
    counts: Tensor
    ids: Tensor


def _index_classes(image_set: ImageSet, shape: TaskShape, leave_out_small: bool) -> _Classes:
    """The set's images by class. Raises EpisodeError if it cannot fill the shape."""
    labels = image_set.required_labels()
    counts = image_set.class_counts()
    ids = torch.arange(image_set.classes)
    large = f" of at least {shape.views} images" if leave_out_small else ""
    if leave_out_small:
        ids = ids[counts >= shape.views]
    if shape.way > len(ids):
        raise EpisodeError(
            f"{image_set.name}: {shape.way}-way tasks, but there are {len(ids)} classes{large}; "
            f"way can be at most {len(ids)}"
        )
    least = int(counts[ids].min())
    if least < shape.views:
        raise EpisodeError(_too_few(image_set, shape, image_set.class_name(int(counts.argmin())), counts))
    order, offsets = by_class(labels, image_set.classes)
    return _Classes(order.to(torch.int32), offsets[:-1][ids].to(torch.int32), counts[ids], ids)


def _too_few(image_set: ImageSet, shape: TaskShape, name: str, counts: Tensor) -> str:
    """Why the smallest class, called `name`, cannot fill the shape, and what could."""
    most, short = int(counts.min()), int((counts < shape.views).sum())
    limits = [f"with {shape.shot} shot, query can be at most {most - shape.shot}"] if most > shape.shot else []
    limits += [f"with {shape.query} query, shot can be at most {most - shape.query}"] if most > shape.query else []
    return (
        f"{image_set.name}: {shape.shot} shot + {shape.query} query need {shape.views} images of each class, but "
        f"{name!r} has {most}{f' ({short} classes have too few)' if short > 1 else ''}; "
        f"{', or '.join(limits) or f'shot + query can be at most {most}'}; "
        f"with_at_least({shape.views}) leaves such classes out"
    )


def _draw_images(index: _Classes, key: int, classes: Tensor, rows: Tensor, views: int) -> Tensor:
    """V distinct images of each class in `classes` (T, N), drawn as items `rows` (T, N): int32 (V, T * N)."""
    flat = classes.reshape(-1)
    picks = sample_without_replacement(key, rows.reshape(-1), index.counts[flat], views)
    picks += index.starts[flat]
    return index.order.index_select(0, picks.view(-1)).view(views, -1)


def _check_ranks(shape: TaskShape, rank: int, world: int) -> None:
    if world < 1 or not 0 <= rank < world:
        raise EpisodeError(f"rank must be in 0..world-1 with world >= 1, not rank {rank} of world {world}")
    axis, size = ("tasks", shape.tasks) if shape.tasks > 1 else ("way", shape.way)
    if size % world:
        raise EpisodeError(f"{axis} = {size} cannot be divided evenly among {world} ranks; use a multiple of {world}")
