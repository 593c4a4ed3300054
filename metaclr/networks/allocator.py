"""A setting of glibc's allocator: large freed blocks are reused instead of returned to the system.

A feature map of Conv-4's first block has tens of MB. By default glibc allocates such a block from the system at every
step and returns it afterwards; the kernel zeros each of its pages again, which takes longer than the arithmetic on it.
"""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Let glibc's allocator reuse freed blocks of any size; returns whether that worked (False without glibc).

    It affects the whole process, which keeps its peak memory until it ends, so only a program calls it, before training
    on the CPU, never a library.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    results = [mallopt(name, value) for name, value in settings]  # all three, even if the first one fails
    return all(result == 1 for result in results)
