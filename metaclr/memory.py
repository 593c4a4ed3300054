"""Placement of an image set: in a device's memory if it fits, else read from its file batch by batch."""

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
"""Largest fraction of a device's free memory for an image set; network and batches need the rest."""

_CGROUP = Path("/sys/fs/cgroup")


def place(image_set: ImageSet, device: torch.device) -> ImageSet:
    """The set in the memory of `device` if it takes at most `SHARE` of the free bytes, else unchanged.

    A set that is in that memory already is not copied; a message reports a set that is not moved.
    """
    images = image_set.images
    if image_set.in_memory_of(device):
        return image_set.to(device)
    free = free_memory(device)
    if images.numel() <= SHARE * free:
        return image_set.to(device)
    where = "in its file" if isinstance(images, StoredImages) else "in memory"
    notify(
        f"metaclr: {image_set.name} ({_size(images.numel())}) takes more than half of the free memory of {device} "
        f"({_size(free)}); it stays {where} and is read batch by batch"
    )
    return image_set


def free_memory(device: torch.device) -> int:
    """Free bytes of a device: of a GPU with torch's cache, of a CPU without swapping and within a container's limit."""
    import torch

    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    return min(_free_in_machine(), _free_in_container())


def _free_in_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # free memory is unknown here: half of all memory
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return 4 << 30


def _free_in_container() -> int:
    """Bytes that a container's limit leaves, with its file cache, which the kernel can reclaim."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return limit - used + int(stat["file"])
    except (OSError, KeyError, ValueError):  # "max": no limit
        return 1 << 62


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
