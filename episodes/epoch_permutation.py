"""A random order of a set of images, each once an epoch, without storing the order."""

from __future__ import annotations

from math import gcd

import torch
from torch import Tensor

from episodes import random

_AHEAD = 4096  # positions computed at a time


class EpochPermutation:
    """Images at the positions 0, 1, 2, ... of an endless sequence over `size` images, cut into tasks of `way`.

    Epoch e is a keyed permutation of the set. Where a task spans the end of an epoch, the first `way` images
    of the new epoch are reordered (those that the task already has go last), so that no task has an image twice.
    The image at position p is a pure function of (seed, p). Training reads consecutive short runs of positions, so a
    longer run is computed at once and cached: many steps share the cost of one call of the generator.
    """

    def __init__(self, size: int, way: int, seed: int) -> None:
        self.size, self.way, self.seed = size, way, seed
        self._last_epoch: tuple[int, Tensor] | None = None  # the last complete epoch of a set smaller than two tasks
        self._cache = 0, torch.empty(0, dtype=torch.int64)  # first cached position, and the images from it on

    def __call__(self, positions: Tensor) -> Tensor:
        """Image indices, int64 of any shape, at int64 `positions` >= 0 of the same shape."""
        begin, end = int(positions.min()), int(positions.max()) + 1
        start, images = self._cache
        if begin < start or end > start + len(images):
            start, images = begin, self._images(torch.arange(begin, max(end, begin + min(_AHEAD, self.size))))
            self._cache = start, images
        return images[positions - start]

    def _images(self, positions: Tensor) -> Tensor:
        epochs, places = positions // self.size, positions % self.size
        images = torch.empty_like(positions)
        for epoch in range(int(epochs.min()), int(epochs.max()) + 1):
            inside = epochs == epoch
            images[inside] = self._epoch(epoch, places[inside])
        return images

    def _epoch(self, epoch: int, places: Tensor) -> Tensor:
        images = self._raw(epoch, places)
        head = places < self.way
        if self._overhang(epoch) and bool(head.any()):
            images[head] = self._head(epoch)[places[head]]
        return images

    def _raw(self, epoch: int, places: Tensor) -> Tensor:
        return random.permute(random.key(self.seed, "epoch", epoch), places, self.size)

    def _overhang(self, epoch: int) -> int:
        """Number of images of the previous epoch in the same task as the first image of this one."""
        return (epoch * self.size) % self.way

    def _head(self, epoch: int, before: Tensor | None = None) -> Tensor:
        """The first `way` images of an epoch; those that the task over its start already has go last."""
        first = self._raw(epoch, torch.arange(self.way))
        overhang = self._overhang(epoch)
        if not overhang:
            return first
        in_task = self._tail(epoch - 1, overhang) if before is None else before[self.size - overhang :]
        return first[torch.argsort(torch.isin(first, in_task).to(torch.uint8), stable=True)]

    def _tail(self, epoch: int, count: int) -> Tensor:
        """The last `count` < `way` images of an epoch."""
        if self.size >= 2 * self.way:  # the reordered head cannot reach them
            return self._raw(epoch, torch.arange(self.size - count, self.size))
        return self._complete(epoch)[self.size - count :]

    def _complete(self, epoch: int) -> Tensor:
        """A complete epoch of a set smaller than two tasks: each depends on the previous one.

        The chain restarts where the end of an epoch is the end of a task; the last epoch is cached for the next call.
        """
        begin = epoch - epoch % (self.way // gcd(self.size, self.way))
        order: Tensor | None = None
        if self._last_epoch is not None and begin <= self._last_epoch[0] <= epoch:
            begin, order = self._last_epoch[0] + 1, self._last_epoch[1]
        for e in range(begin, epoch + 1):
            order = torch.cat([self._head(e, order), self._raw(e, torch.arange(self.way, self.size))])
        assert order is not None
        self._last_epoch = (epoch, order)
        return order
