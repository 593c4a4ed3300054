"""Initial weights from a seed, with the global random generator unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from episodes import random


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Inside, the CPU generator is seeded from (seed, stream); afterwards it has its former state.

    Networks are built on the CPU, so the generators of GPUs, which torch.manual_seed would seed too, stay unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(random.key(seed, stream))
        yield
