"""Batches in the order of the steps; the next one is prepared while the current one trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from episodes.prefetch import one_thread
from metaclr.engine.settings import Choice

if TYPE_CHECKING:
    from episodes.task import Episode

Batch = tuple[Tensor, "Episode"]
"""Pixels (T, N, V, C, H, W) and the episode they render, on the training device."""


def batches(
    sampler: Callable[[int], Episode],
    render: Callable[[Episode], Tensor],
    steps: Iterable[int],
    device: torch.device,
    prefetch: Choice = "auto",
) -> Iterator[Batch]:
    """The batch of every step: index tables from `sampler`, pixels from `render`.

    On a GPU the next batch is prepared on a side stream, unless prefetch is `off`. On a CPU rendering uses all cores
    anyway, so only `on` prepares ahead, in a thread, which pays off where rendering waits for a disk.
    """

    def make(step: int) -> Batch:
        episode = sampler(step)
        if device.type == "cuda":
            # Copies from pinned memory do not block the host.
            tables = {name: getattr(episode, name) for name in ("images", "views", "labels", "pixels")}
            episode = replace(episode, **{name: t.pin_memory() for name, t in tables.items() if t is not None})
        episode = episode.to(device)
        return render(episode).to(device, non_blocking=True), replace(episode, pixels=None)

    if device.type == "cuda" and prefetch != "off":
        return _on_side_stream(make, steps, device)
    if prefetch == "on":
        return _in_thread(make, steps)
    return map(make, steps)


def _in_thread(make: Callable[[int], Batch], steps: Iterable[int]) -> Iterator[Batch]:
    with one_thread("batches") as pool:
        current = None
        for step in steps:
            following = pool.submit(make, step)
            if current is not None:
                yield current.result()
            current = following
        if current is not None:
            yield current.result()


def _on_side_stream(make: Callable[[int], Batch], steps: Iterable[int], device: torch.device) -> Iterator[Batch]:
    side: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(device))  # the copy of the images to the GPU may still be running
    current: tuple[Batch, torch.cuda.Event] | None = None
    for step in steps:
        with torch.cuda.stream(side):
            following = make(step), side.record_event()
        if current is not None:
            yield _synchronized(*current)
        current = following
    if current is not None:
        yield _synchronized(*current)


def _synchronized(batch: Batch, ready: torch.cuda.Event) -> Batch:
    """The batch; the training stream waits for `ready` and keeps the batch's memory until it is used."""
    pixels, episode = batch
    stream = torch.cuda.current_stream(pixels.device)
    stream.wait_event(ready)
    for tensor in (pixels, episode.images, episode.views, episode.labels):
        tensor.record_stream(stream)
    return batch
