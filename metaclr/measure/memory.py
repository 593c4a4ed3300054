"""Peak memory of this process, and of its part of a GPU."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def peak_bytes(device: torch.device) -> dict[str, int]:
    """Bytes at the highest point so far: `process` (resident, imports included) and, on a GPU, `device`.

    A system that does not tell (Windows) has no `process`.
    """
    found: dict[str, int] = {}
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["process"] = peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
    if device.type == "cuda":
        import torch

        found["device"] = torch.cuda.max_memory_allocated(device)
    return found
