"""Other libraries draw from global generators; here what they draw is a function of a key, without a trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def drawn_with(key: int) -> Iterator[None]:
    """Inside, Python's, NumPy's and torch's global CPU generators start from `key`; afterwards they are as before.

    Not for two threads at once: these generators are the whole process's.
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
