"""Global state of torch during one training: random generators, cuDNN's autotuner, memory errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from metaclr.errors import UserError


@contextmanager
def isolated(device: torch.device) -> Iterator[None]:
    """Inside, cuDNN tunes its algorithms (every batch has the same shape); afterwards all global state is restored.

    Raises:
        UserError: the device has too little memory for a batch.
    """
    benchmark = torch.backends.cudnn.benchmark
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.backends.cudnn.benchmark = True
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise UserError(f"{device} has too little memory for a batch; lower batch_views") from error
        finally:
            torch.backends.cudnn.benchmark = benchmark
