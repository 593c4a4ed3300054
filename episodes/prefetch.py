"""Batches of a set that is not in the memory of the device: a thread reads their images a few steps ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import torch

from episodes.image_set import ImageSet
from episodes.task import Episode, TaskShape


class Sampler(Protocol):
    """Batches of tasks: a step to index tables into `image_set`."""

    @property
    def image_set(self) -> ImageSet:
        """Whose images the tables index."""

    @property
    def shape(self) -> TaskShape:
        """Of the tasks."""

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0."""


class Prefetcher:
    """The same episodes as `sampler`, with the pixels of their images; a thread reads those of the next steps.

    The image of an instance way is read once, whatever the number of views. At most `depth` batches of uint8 pixels
    are in memory. Close it, or use it in a `with` statement: it has a thread.

    >>> images = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> from episodes import EpisodeSampler
    >>> with Prefetcher(EpisodeSampler(images, TaskShape(way=5, shot=1, query=2)), steps=3) as ahead:
    ...     ahead(0).pixels.shape
    torch.Size([1, 5, 1, 1, 8, 8])
    """

    def __init__(self, sampler: Sampler, *, steps: int, depth: int = 4, pin: bool = False) -> None:
        """steps: number of steps to read for. pin: in pinned memory, from which a GPU copies in the background."""
        self._read: Callable[[int], Episode] = lambda step: with_pixels(sampler.image_set, sampler(step), pin=pin)
        self.shape: TaskShape = sampler.shape
        self._steps, self._depth = steps, depth
        self._pending: dict[int, Future[Episode]] = {}
        self._pool = one_thread("read ahead")

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0; fastest for consecutive steps. Raises what reading raises."""
        for skipped in [pending for pending in self._pending if not step <= pending < step + self._depth]:
            self._pending.pop(skipped).cancel()
        for later in range(step, max(step + 1, min(step + self._depth, self._steps))):
            if later not in self._pending:
                self._pending[later] = self._pool.submit(self._read, later)
        return self._pending.pop(step).result()

    def close(self) -> None:
        """Stop reading."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def one_thread(name: str) -> ThreadPoolExecutor:
    """A thread pool of one thread, which runs its tensor operations without further threads.

    Otherwise it starts a second team of OpenMP threads. Then there are more threads than cores, and GNU's OpenMP lets
    those of the first team sleep instead of spin between operations: training took a third longer.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(1, name)
    pool.submit(torch.get_num_threads).result()  # torch sets a thread's number when it is first read
    pool.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(threads)  # of this thread and of new ones; the pool's keeps its own
    return pool


def with_pixels(image_set: ImageSet, episode: Episode, *, pin: bool = False) -> Episode:
    """The episode with the uint8 pixels of its images, gathered on the CPU; one image for each instance way.

    >>> images = ImageSet(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
    >>> from episodes import EpisodeSampler
    >>> with_pixels(images, EpisodeSampler(images, TaskShape(way=5, shot=1, query=2))(0)).pixels.dtype
    torch.uint8
    """
    ids = episode.images.cpu()
    if bool((ids == ids[..., :1]).all()):
        ids = ids[..., :1]
    images, flat = image_set.images, ids.flatten()
    if not isinstance(images, torch.Tensor):
        pixels = images.index_select(0, flat, pin=pin)
    else:
        pixels = torch.empty((len(flat), *images.shape[1:]), dtype=torch.uint8, pin_memory=pin)
        torch.index_select(images, 0, flat, out=pixels)
    return replace(episode, pixels=pixels.view(*ids.shape, *pixels.shape[1:]))
