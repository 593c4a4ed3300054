"""Detection of operations that make the host wait for a GPU, by CUDA's sync debug mode."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def detect_syncs(device: torch.device) -> Iterator[list[str]]:
    """A list that is filled after the block with one line per synchronization inside it; empty on a CPU."""
    syncs: list[str] = []
    if device.type != "cuda":
        yield syncs
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield syncs
        finally:
            torch.cuda.set_sync_debug_mode(before)
            syncs += [text for text in (str(w.message) for w in caught) if "synchronizing" in text]
