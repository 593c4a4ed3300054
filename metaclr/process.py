"""Processes of this machine: whether one still runs, and child processes that end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # from Linux's <sys/prctl.h>
_POLL_SECONDS = 1.0


def is_running(pid: int, started: int = 0) -> bool:
    """Whether this machine runs a process of this number, another user's included.

    Args:
        started: its `start_time`, by which a new process that was given the same number is told apart; 0 is any.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it belongs to another user
    # A zombie has no start time here; another start time means that the pid belongs to a new process.
    return started in (0, start_time(pid))


def start_time(pid: int) -> int:
    """Start time of a process in clock ticks since boot; 0 for a zombie, and where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def die_with_parent(parent: int | None = None) -> None:
    """Let this process be killed as soon as its parent dies, SIGKILL of the parent included.

    Call it first in a worker, such as in a pool's initializer. On Linux the kernel sends SIGKILL when the thread that
    started this process ends; elsewhere, and if that fails, a thread looks once a second whether the parent is still
    this process's parent.

    Args:
        parent: process id of the parent, passed on by it: if it died before this call, this process ends at once. None
            is the current parent.
    """
    parent = os.getppid() if parent is None else parent
    if not _signal_on_death():
        threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent").start()
    if os.getppid() != parent:
        _end()


def _signal_on_death() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    _end()


def _end() -> None:
    os._exit(128 + int(getattr(signal, "SIGKILL", 9)))
