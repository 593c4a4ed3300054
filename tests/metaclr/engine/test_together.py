"""Two real processes: what one knows all know, what one cannot do none does, and one of them says so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from metaclr.engine.distributed import ranks
from metaclr.engine.together import by_first, first_then_others, in_step, joined, of_all
from metaclr.errors import UserError

HERE = Path(__file__).parent


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_ranks_are_one_program(tmp_path: Path) -> None:
    port, other = map(str, free_ports(2))
    root = HERE.parents[2]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": str(root)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "together_child.py"), str(tmp_path), other],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=100)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    for lines in said:
        assert lines[:3] == ["of all [0, 10]", "by first 0", "in step a-file: No space left on device"]
    assert [lines[3] for lines in said] == ["first then others False", "first then others True"]
    assert sorted(lines[4] for lines in said) == ["ends silent", "ends wrong"]


def test_alone_everything_is_done_at_once() -> None:
    with joined():
        assert ranks().world == 1
        assert (of_all(3), by_first(lambda: 4), first_then_others(lambda: 5)) == ([3], 4, 5)
    with pytest.raises(UserError, match="as it was"):
        in_step(lambda: (_ for _ in ()).throw(UserError("as it was")))
