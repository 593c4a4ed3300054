"""Index tables per second: sampling of tasks, without pixels."""

from __future__ import annotations

import torch

from episodes import ImageSet, TaskShape, sample_table
from metaclr.measure.timing import Side, for_seconds

CLASSES, EACH = 100, 600
"""The size of mini-ImageNet (Vinyals et al. 2016); it has no influence on the speed."""


def empty_set(classes: int = CLASSES, each: int = EACH) -> ImageSet:
    """A set of one-pixel images, `each` per class: samplers use labels only."""
    count = classes * each
    images = torch.zeros(count, 1, 1, 1, dtype=torch.uint8)
    return ImageSet(images, torch.arange(classes).repeat_interleave(each), name="empty images")


def index_tables(seconds: float, shape: TaskShape, count: int = 20_000) -> Side:
    """A side that draws tables of `count` episodes on the CPU."""
    source = empty_set()
    source.fingerprint()  # computed once per set, so not part of a draw
    seeds = iter(range(1 << 62))
    return for_seconds(lambda: len(sample_table(source, shape, count, seed=next(seeds))), seconds, torch.device("cpu"))
