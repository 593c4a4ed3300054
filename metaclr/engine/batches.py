"""Batches in the order of the steps, the next one prepared while this one trains."""

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
    """The batch of every step.

    On a GPU the next one is prepared on a side stream, unless prefetch is `off`. On a CPU rendering takes all
    cores anyway, so only `on` prepares ahead, in a thread, which pays where rendering waits for a disk.
    """

    def make(step: int) -> Batch:
        episode = sampler(step)
        if device.type == "cuda":
            # From pinned memory, so that the copy does not make the host wait.
            tables = {name: getattr(episode, name) for name in ("images", "views", "labels", "pixels")}
            episode = replace(episode, **{name: it.pin_memory() for name, it in tables.items() if it is not None})
        episode = episode.to(device)
        return render(episode).to(device, non_blocking=True), replace(episode, pixels=None)

    if device.type == "cuda" and prefetch != "off":
        return _on_side_stream(make, steps, device)
    if prefetch == "on":
        return _in_thread(make, steps)
    return map(make, steps)


def _in_thread(make: Callable[[int], Batch], steps: Iterable[int]) -> Iterator[Batch]:
    with one_thread("batches") as pool:
        waiting = None
        for step in steps:
            coming = pool.submit(make, step)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def _on_side_stream(make: Callable[[int], Batch], steps: Iterable[int], device: torch.device) -> Iterator[Batch]:
    side: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(device))  # the images may still be on their way
    waiting: tuple[Batch, torch.cuda.Event] | None = None
    for step in steps:
        with torch.cuda.stream(side):
            coming = make(step), side.record_event()
        if waiting is not None:
            yield _handed_over(*waiting)
        waiting = coming
    if waiting is not None:
        yield _handed_over(*waiting)


def _handed_over(batch: Batch, ready: torch.cuda.Event) -> Batch:
    """Let the training stream wait for the batch, and its memory not be reused before that stream is done."""
    pixels, episode = batch
    here = torch.cuda.current_stream(pixels.device)
    here.wait_event(ready)
    for tensor in (pixels, episode.images, episode.views, episode.labels):
        tensor.record_stream(here)
    return batch
