"""Augmented views per second: gathering and rendering of a training batch."""

from __future__ import annotations

from episodes import EpisodeSampler, Rendering, TaskShape
from metaclr.engine.compiling import compile_views
from metaclr.measure.timing import Side, for_seconds
from metaclr.measure.workload import Workload


def views(load: Workload, seconds: float) -> Side:
    """A side that renders batches (1, N, 2, C, H, W) of uint8 images on the device, from one index table.

    It is compiled if the workload is.
    """
    source = load.images(2048).to(load.device)
    episode = EpisodeSampler(source, TaskShape(min(load.batch_views // 2, len(source)), 1, 1), seed=load.seed)(0)
    episode = episode.to(load.device)
    pixels = Rendering(source, load.recipe, seed=load.seed)
    if load.compiles:
        compile_views(pixels, lambda: pixels(episode))

    def once() -> int:
        return int(pixels(episode).shape[:3].numel())

    return for_seconds(once, seconds, load.device)
