"""Peak memory of this process, on the host and on a GPU."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def peak_bytes(device: torch.device) -> dict[str, int]:
    """Peak bytes so far: `process` (resident, imports included) and, on a GPU, `device`.

    Windows has no `process`.
    """
    peaks: dict[str, int] = {}
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peaks["process"] = peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
    if device.type == "cuda":
        import torch

        peaks["device"] = torch.cuda.max_memory_allocated(device)
    return peaks
