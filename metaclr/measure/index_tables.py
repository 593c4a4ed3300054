"""Index tables a second: tasks drawn, no pixel touched."""

from __future__ import annotations

import torch

from episodes import ImageSet, TaskShape, sample_table
from metaclr.measure.timing import Side, for_seconds

CLASSES, EACH = 100, 600
"""The size of mini-ImageNet (Vinyals et al. 2016); of no influence on the speed."""


def empty_set(classes: int = CLASSES, each: int = EACH) -> ImageSet:
    """A set of one-pixel images, `each` of every class: samplers look at labels alone."""
    count = classes * each
    images = torch.zeros(count, 1, 1, 1, dtype=torch.uint8)
    return ImageSet(images, torch.arange(classes).repeat_interleave(each), name="empty images")


def index_tables(seconds: float, shape: TaskShape, count: int = 20_000) -> Side:
    """One turn draws tables of `count` episodes on the CPU."""
    source = empty_set()
    source.fingerprint()  # computed once for a set, so it is not part of a draw
    seeds = iter(range(1 << 62))
    return for_seconds(lambda: len(sample_table(source, shape, count, seed=next(seeds))), seconds, torch.device("cpu"))
