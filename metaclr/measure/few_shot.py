"""Few-shot episodes per second from cached features, without the encoder."""

from __future__ import annotations

import torch

from episodes import TaskShape, sample_table
from metaclr.evaluation import episode_accuracies
from metaclr.measure.index_tables import empty_set
from metaclr.measure.timing import Side, for_seconds

CLASSES, EACH = 20, 600
"""The size of mini-ImageNet's test part."""


def few_shot(
    features: int, seconds: float, device: torch.device, *, shape: TaskShape, count: int = 1000, head: str = "cosine"
) -> Side:
    """A side that evaluates `count` stored episodes over random features (M, F), F = `features`, repeatedly."""
    source = empty_set(CLASSES, EACH)
    table = sample_table(source, shape, count, seed=0)
    rows = torch.randn(len(source), features, generator=torch.Generator().manual_seed(0)).to(device)
    return for_seconds(lambda: len(episode_accuracies(rows, table, head=head)), seconds, device)
