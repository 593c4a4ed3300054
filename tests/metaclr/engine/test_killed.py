"""Real processes, really killed: what goes on afterwards is bit for bit the run that was not."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from metaclr.engine.training_curve import NAME, read

if TYPE_CHECKING:
    from conftest import Server

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


@pytest.fixture(scope="module")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    server.train(folder)
    assert server.end() == [0]
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
    # A killed process cannot remove its temporary file, whose name is its own; the next owner of the folder does.
    left = {p.name for p in other.iterdir() if not (p.name.startswith(".") and p.name.endswith(".tmp"))}
    assert {p.name for p in whole.iterdir()} == left


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGTERM, {143, -15}), (signal.SIGINT, {130, 1}), (signal.SIGKILL, {-9})],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_killed_at_random_moments(
    number: signal.Signals, codes: set[int], server: Server, whole: Path, tmp_path: Path
) -> None:
    """Before the loop a signal ends the process as usual; inside it, after a whole step and a checkpoint."""
    dice = random.Random(int(number))
    endings = []
    for _ in range(8):
        pid = server.train(tmp_path)
        if dice.random() < 0.8:  # the others are hit while they start
            server.first_batch()
        time.sleep(dice.uniform(0.0, 0.2))
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        endings += server.end()
    assert set(endings) <= codes | {0}
    assert set(endings) & (codes - {-signal.SIGTERM, 1})
    server.train(tmp_path)
    assert server.end() == [0]
    assert_same(whole, tmp_path)


def test_killed_inside_the_write_of_a_checkpoint(server: Server, whole: Path, tmp_path: Path) -> None:
    """Each fsync in turn: of the file, of its folder, of the curve; the half-written file is never taken for one."""
    for write in (1, 2, 3, 4, 5, 14, 31):
        server.train(tmp_path, write)
        assert server.end() == [-9]
    server.train(tmp_path)
    assert server.end() == [0]
    assert_same(whole, tmp_path)
