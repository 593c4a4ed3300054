"""Freed blocks are reused: once warm, a block of the same size touches no new page."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, sys, torch
from metaclr.networks.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def fill():
    torch.empty(16 << 20).fill_(1.0)  # 64 MiB: 16,384 pages of 4 KiB
for _ in range(8): fill()  # small blocks settle between the large ones first: up to four of these take new pages
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(sorted(faults() for _ in range(7))[3])  # the median: a small block may still settle between
"""


def faults(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")
def test_blocks_are_reused() -> None:
    assert faults("keep") < 1000
