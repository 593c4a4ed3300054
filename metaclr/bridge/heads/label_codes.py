"""Which label vector each way of a task has in training: drawn anew for each task, so that all vectors are trained."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_codes(seed: int, calls: Tensor, codes: int, tasks: int, ways: int) -> Tensor:
    """Distinct codes in 0 .. `codes` - 1 of each task, int64 (T, N), a function of (seed, calls so far).

    calls: 0-d int64, on the device of the result.
    """
    from episodes.random import key, random_words

    items = torch.arange(tasks * codes, device=calls.device) + calls * tasks * codes
    return random_words(key(seed, "label vectors"), items).view(tasks, codes).argsort(-1)[:, :ways]
