"""Real processes, really killed: what goes on afterwards is bit for bit the run that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from metaclr.engine.journal import NAME, read

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


class Trainee:
    def __init__(self) -> None:
        root = HERE.parents[2]
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "trainee.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        )
        self._next = ""
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def start(self, folder: Path, dies_in_write: int = 0) -> int:
        assert self.process.stdin
        self.process.stdin.write(f"{folder} {dies_in_write}\n")
        self.process.stdin.flush()
        word, pid = self._line().split()
        assert word == "began"
        return int(pid)

    def first_batch(self) -> bool:
        """Wait for it; False: there was none left to train."""
        self._next = self._line()
        return self._next == "training"

    def end(self) -> int:
        line, self._next = self._next, ""
        while not line.startswith("ended"):
            line = self._line()
        return int(line.split()[1])


@pytest.fixture(scope="module")
def trainee() -> Iterator[Trainee]:
    one = Trainee()
    yield one
    assert one.process.stdin
    one.process.stdin.close()
    one.process.wait(30)


@pytest.fixture(scope="module")
def whole(trainee: Trainee, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trainee.start(folder)
    assert trainee.end() == 0
    return folder


def assert_same(whole: Path, other: Path) -> None:
    one, two = (torch.load(f / "checkpoint.pt", weights_only=True) for f in (whole, other))
    assert one["step"] == two["step"] == 60
    for name, value in one["learner"].items():
        assert torch.equal(value, two["learner"][name]), name
    for index, state in one["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, two["optimizer"]["state"][index][name]), (index, name)
    curves = [
        [{k: v for k, v in row.items() if k != "views_per_second"} for row in read(f / NAME)] for f in (whole, other)
    ]
    assert curves[0] == curves[1]
    assert {p.name for p in whole.iterdir()} == {p.name for p in other.iterdir()}


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGTERM, {143, -15}), (signal.SIGINT, {130, 1}), (signal.SIGKILL, {-9})],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_killed_at_random_moments(
    number: signal.Signals, codes: set[int], trainee: Trainee, whole: Path, tmp_path: Path
) -> None:
    """Before the loop a signal ends the process as usual; inside it, after a whole step and a checkpoint."""
    dice = random.Random(int(number))
    endings = []
    for _ in range(8):
        pid = trainee.start(tmp_path)
        if dice.random() < 0.8:  # the others are hit while they start
            trainee.first_batch()
        time.sleep(dice.uniform(0.0, 0.2))
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        endings.append(trainee.end())
    assert set(endings) <= codes | {0}
    assert set(endings) & (codes - {-signal.SIGTERM, 1})
    trainee.start(tmp_path)
    assert trainee.end() == 0
    assert_same(whole, tmp_path)


def test_killed_inside_the_write_of_a_checkpoint(trainee: Trainee, whole: Path, tmp_path: Path) -> None:
    """Each fsync in turn: of the file, of its folder, of the curve; the half-written file is never taken for one."""
    for write in (1, 2, 3, 4, 5, 14, 31):
        trainee.start(tmp_path, write)
        assert trainee.end() == -9
    trainee.start(tmp_path)
    assert trainee.end() == 0
    assert_same(whole, tmp_path)
