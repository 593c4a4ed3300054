"""Batches of a set that is not in the memory of the device: their images are read by a thread, steps ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType

import torch

from episodes.image_set import ImageSet
from episodes.sampler import EpisodeSampler
from episodes.stored_images import StoredImages
from episodes.task import Episode, TaskShape


class Prefetcher:
    """The same episodes as `sampler`, with the pixels of their images: those of the next steps are read meanwhile.

    Of instance ways each image is read once, whatever the number of views. At most `depth` batches of uint8 pixels
    wait in memory. Close it, or use it in a `with` statement: it has a thread.
    """

    def __init__(self, sampler: EpisodeSampler, *, steps: int, depth: int = 4, pin: bool = False) -> None:
        """steps: nothing is read for a step behind these. pin: pixels go to a GPU, which copies in the background."""
        self._read: Callable[[int], Episode] = lambda step: with_pixels(sampler.image_set, sampler(step), pin=pin)
        self.shape: TaskShape = sampler.shape
        self._steps, self._depth = steps, depth
        self._coming: dict[int, Future[Episode]] = {}
        self._pool = one_thread("read ahead")

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0; steps are best asked for in turn. What reading raises is raised here."""
        for skipped in [known for known in self._coming if not step <= known < step + self._depth]:
            self._coming.pop(skipped).cancel()
        for later in range(step, max(step + 1, min(step + self._depth, self._steps))):
            if later not in self._coming:
                self._coming[later] = self._pool.submit(self._read, later)
        return self._coming.pop(step).result()

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
    """A thread whose tensor operations stay in it.

    One that splits its operations starts a second team of OpenMP threads. There are more threads than cores then, and
    GNU's OpenMP lets those of the first team sleep, not spin, between operations: training took a third longer.
    """
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(1, name)
    pool.submit(torch.get_num_threads).result()  # at a thread's first question torch sets its number
    pool.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(threads)  # of this thread and of new ones; the pool's keeps its own
    return pool


def with_pixels(image_set: ImageSet, episode: Episode, *, pin: bool = False) -> Episode:
    """The episode with the uint8 pixels of its images, gathered on the CPU; one image for each instance way."""
    ids = episode.images.cpu()
    if bool((ids == ids[..., :1]).all()):
        ids = ids[..., :1]
    images, flat = image_set.images, ids.flatten()
    if isinstance(images, StoredImages):
        pixels = images.index_select(0, flat, pin=pin)
    else:
        pixels = torch.empty((len(flat), *images.shape[1:]), dtype=torch.uint8, pin_memory=pin)
        torch.index_select(images, 0, flat, out=pixels)
    return replace(episode, pixels=pixels.view(*ids.shape, *pixels.shape[1:]))
