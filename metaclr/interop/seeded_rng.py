"""Seeded global random generators for other libraries, with the former state restored afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def drawn_with(key: int) -> Iterator[None]:
    """Inside, the global CPU generators of Python, NumPy and torch are seeded with `key`; afterwards they are restored.

    Not for two threads at once: these generators belong to the process.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(key)
            np.random.seed(key % (1 << 32))
            torch.default_generator.manual_seed(key)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
