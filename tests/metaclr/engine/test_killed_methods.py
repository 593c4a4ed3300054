"""Queues, prototypes, centers, moving averages, counters and decays survive SIGKILL: a resumed run is bit-equal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, str(Path(__file__).with_name("killed_methods.py")), str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=env, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 14
    assert all(line.endswith(" equal") for line in lines), lines
