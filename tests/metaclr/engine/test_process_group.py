"""Two real processes: what one knows all know, what one cannot do none does, and one of them says so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from metaclr.engine.distributed import ranks
from metaclr.engine.process_group import (
    broadcast_from_first,
    gather_objects,
    process_group,
    raise_together,
    run_first_rank_first,
)
from metaclr.errors import UserError

HERE = Path(__file__).parent


def test_two_ranks_are_one_program(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    root = HERE.parents[2]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    done = subprocess.run(
        [*torchrun, str(HERE / "process_group_child.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    said = [(tmp_path / f"said{rank}").read_text().splitlines() for rank in range(2)]
    for lines in said:
        assert lines[:3] == ["of all [0, 10]", "by first 0", "in step a-file: No space left on device"]
    assert [lines[3] for lines in said] == ["first then others False", "first then others True"]
    assert sorted(lines[4] for lines in said) == ["ends silent", "ends wrong"]


def test_alone_everything_is_done_at_once() -> None:
    with process_group():
        assert ranks().world == 1
        assert (gather_objects(3), broadcast_from_first(lambda: 4), run_first_rank_first(lambda: 5)) == ([3], 4, 5)
    with pytest.raises(UserError, match="as it was"):
        raise_together(lambda: (_ for _ in ()).throw(UserError("as it was")))
