"""What makes the host wait for a GPU, by CUDA's own account."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def detect_syncs(device: torch.device) -> Iterator[list[str]]:
    """A list that, after the block, has one line for each time that the block made the host wait; none on a CPU."""
    found: list[str] = []
    if device.type != "cuda":
        yield found
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
            found += [text for text in (str(w.message) for w in said) if "synchronizing" in text]
