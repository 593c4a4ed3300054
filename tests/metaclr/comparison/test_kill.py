"""The short form of benchmarks/kill.py: killed at random moments, results equal to the bit, one owner of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and looks for processes in /proc")
def test_killed_commands_resume_to_the_same_bits_and_two_do_not_share_a_folder() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/kill.py", "--kills", "2", "--pairs", "1", "--commands", "compare"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 SIGKILLs" in done.stdout
    assert "1 times two commands on one folder" in done.stdout
