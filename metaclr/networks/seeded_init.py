"""Initial weights from a seed, without a trace in the global random generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from episodes import random


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """What is drawn inside depends on (seed, stream) alone; the CPU generator is as before when it ends.

    torch.manual_seed would seed the GPU's generators too, so only the CPU's is touched: networks are built there.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(random.key(seed, stream))
        yield
