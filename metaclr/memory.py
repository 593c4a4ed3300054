"""Whether a set fits into the memory of a device; a larger one stays in its file and is read batch by batch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import StoredImages
from metaclr.console import notify

if TYPE_CHECKING:
    import torch

    from episodes import ImageSet

SHARE = 0.5
"""Of the free memory of a device: what a set may take of it, beside network, batches and other programs."""

_CGROUP = Path("/sys/fs/cgroup")


def place(image_set: ImageSet, device: torch.device) -> ImageSet:
    """The set in the memory of `device` if it takes at most half of what is free there, else as it is, and say so.

    A set that is in memory already is never copied within it.
    """
    images = image_set.images
    if image_set.in_memory_of(device):
        return image_set.to(device)
    free = free_memory(device)
    if images.numel() <= SHARE * free:
        return image_set.to(device)
    where = "in its file" if isinstance(images, StoredImages) else "in memory"
    notify(
        f"metaclr: {image_set.name} ({_size(images.numel())}) is more than half of the free memory of {device} "
        f"({_size(free)}); it stays {where} and is read batch by batch"
    )
    return image_set


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device: of a GPU what it says, of a CPU what can be had without swapping."""
    import torch

    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    return min(_of_machine(), _of_container())


def _of_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # no way to ask but the whole of it
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return 4 << 30


def _of_container() -> int:
    """What a container's limit leaves; its file cache can be had back."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return limit - used + int(stat["file"])
    except (OSError, KeyError, ValueError):  # "max": there is none
        return 1 << 62


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
