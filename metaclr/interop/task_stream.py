"""The tasks of an EpisodeSampler for a learn2learn training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch import Tensor

from episodes import Episode
from metaclr.errors import UserError


class TaskStream:
    """Tasks in learn2learn's format, in place of a TaskDataset: `sample()`, `[i]`, iteration.

    A task is (data, labels): pixels (N * V, C, H, W), ordered by way, the K support examples of a way before its Q
    queries; labels (N * V,) int64, 0..N-1. Task i is number i % T of step i // T, whatever was drawn before.

    >>> tasks = TaskStream(sampler, lambda episode: render(images, episode, ViewRecipe(), seed=0))  # doctest: +SKIP
    >>> data, labels = tasks.sample()  # doctest: +SKIP
    """

    def __init__(
        self,
        sampler: Callable[[int], Episode],
        render: Callable[[Episode], Tensor],
        *,
        num_tasks: int | None = None,
    ) -> None:
        """`sampler(step)` gives an Episode of T tasks, `render(episode)` its pixels (T, N, V, C, H, W).

        num_tasks: number of tasks to iterate over; None for an endless stream.

        Raises:
            UserError: num_tasks is not an int of at least 1.
        """
        if num_tasks is not None and (isinstance(num_tasks, bool) or not isinstance(num_tasks, int) or num_tasks < 1):
            raise UserError(f"num_tasks = {num_tasks!r}: a whole number of at least 1, or None for an endless stream")
        self.sampler, self.render, self.num_tasks = sampler, render, num_tasks
        self._tasks = sampler(0).tasks
        self._batch: tuple[int, Tensor] | None = None
        self._next = 0

    def __len__(self) -> int:
        """Number of tasks to iterate over; 1 for an endless stream, as in learn2learn."""
        return self.num_tasks or 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Task `index`: data (N * V, C, H, W) and labels (N * V,). Raises IndexError if there is no such task."""
        if index < 0 or (self.num_tasks is not None and index >= self.num_tasks):
            raise IndexError(f"task {index} of {self.num_tasks or 'a stream that starts at 0'}")
        step, task = divmod(index, self._tasks)
        if self._batch is None or self._batch[0] != step:
            self._batch = step, self.render(self.sampler(step))
        pixels = self._batch[1][task]
        way, views = pixels.shape[:2]
        labels = torch.arange(way, device=pixels.device).repeat_interleave(views)
        return pixels.flatten(0, 1), labels

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over all tasks."""
        return (self[index] for index in (count() if self.num_tasks is None else range(self.num_tasks)))

    def sample(self) -> tuple[Tensor, Tensor]:
        """The next task; the first one follows the last."""
        task = self[self._next]
        self._next += 1
        if self._next == self.num_tasks:
            self._next = 0
        return task
