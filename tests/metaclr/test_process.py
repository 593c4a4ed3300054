"""Workers end with their parent, however it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(__import__("os").getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import sys, time
from metaclr import process
if sys.argv[2:] == ["poll"]:
    process._signal_on_death = lambda: False
process.die_with_parent(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but is not yet collected by its new parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - not a file of the project
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("how", ["kernel", "poll"])
def test_a_worker_ends_when_its_parent_is_killed(how: str) -> None:
    child = CHILD.replace('sys.argv[2:] == ["poll"]', str(how == "poll"))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, child], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    worker = int(parent.stdout.readline())
    assert alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    for _ in range(100):
        if not alive(worker):
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent by 10 s")


@pytest.mark.skipif(os.name != "posix", reason="needs a parent")
def test_a_worker_whose_parent_died_before_the_call_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "1" if os.getpid() != 1 else "2"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 128 + signal.SIGKILL
    assert not done.stdout
