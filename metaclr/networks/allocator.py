"""Large blocks of memory kept for the next step instead of handed back to the system.

A map of Conv-4's first block has tens of MB. glibc takes such a block from the system at every step and hands it back
after; each of its pages is then filled with zeros again on first touch, which costs more than the arithmetic on it.
"""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse freed blocks of any size; whether that worked (only glibc knows how).

    For the whole process, so a program calls it before a training on the CPU, and a library never does by itself. The
    process keeps its peak of memory until it ends. Nothing else changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    answers = [mallopt(name, value) for name, value in settings]  # all of them, whatever the first one says
    return all(answer == 1 for answer in answers)
