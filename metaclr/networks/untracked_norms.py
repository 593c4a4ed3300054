"""Batch norms that normalize by their batch and leave their running statistics as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def untracked_norms(module: nn.Module) -> Iterator[None]:
    """Inside, batch norms in training mode leave their running statistics as they are."""
    norms = [
        one for one in module.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm) and one.track_running_stats
    ]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked.clone() if norm.num_batches_tracked is not None else None for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
