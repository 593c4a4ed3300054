"""The first estimate of the time left is within a factor of two of the time that then passes.

The durations were measured once, on two cores that others used too (`metaclr compare --quick` and the like, time of
each run from stderr); a fake clock replays them through the code that prints the estimates.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from metaclr.comparison.launching import serial
from metaclr.console import Progress

SERIAL = {
    "compare --quick": ([66, 46, 47, 41, 32, 32, 23, 19], 37),
    "compare of three methods": ([65, 50, 55, 24, 20], 56),
    "bridge simclr infonce": ([58, 29, 24, 17], 74),
}
"""Seconds of each run of a command, and from the end of the last run to the end of the command."""


def seconds(text: str) -> float:
    parts = re.fullmatch(r"(?:(\d+) h )?(?:(\d+) min ?)?(?:(\d+) s)?", text)
    assert parts
    return sum(int(number or 0) * unit for number, unit in zip(parts.groups(), (3600, 60, 1), strict=True))


@pytest.mark.parametrize("command", SERIAL)
def test_runs_in_turn(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, rest = SERIAL[command]
    clock, printed = [0.0], list[tuple[float, str]]()
    durations = iter(runs)

    def execute_run(*_: object) -> str:
        clock[0] += next(durations)
        return ""

    todo = [SimpleNamespace(entry=SimpleNamespace(title="simclr"), seed=0, name=f"run-{i}") for i, _ in enumerate(runs)]
    monkeypatch.setattr(serial, "unfinished", lambda _: todo)
    monkeypatch.setattr(serial, "execute_run", execute_run)
    monkeypatch.setattr(serial, "notify", lambda line: printed.append((clock[0], line)))
    monkeypatch.setattr(serial, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    plan: Any = SimpleNamespace(runs=todo)
    assert serial.execute_serially(plan) == {}
    estimates = [(at, found[1]) for at, line in printed if (found := re.search("about (.*) left for all", line))]
    assert len(estimates) == len(runs) - 1  # after the last run nothing is left but tables and figures
    at, text = estimates[0]
    actual = sum(runs) + rest - at
    assert actual / 2 <= seconds(text) <= actual * 2


def test_runs_side_by_side() -> None:
    """Two runs end together: the first alone says half of the speed, and the second after it any speed at all."""
    assert Progress("", known_after=0).seconds_left(0.0, 0, 0) is None
    bar = Progress("", known_after=2)
    ends = [60.0, 61.0, 120.0, 121.0]
    assert bar.seconds_left(0.0, 0, 8) is None
    assert [bar.seconds_left(end, done, 8) for done, end in enumerate(ends, 1)] == [None, 183, 200, 121]


def test_steps_of_a_training() -> None:
    """Start-up does not count: the first call, whenever it comes, starts the clock."""
    bar = Progress("")
    assert bar.seconds_left(9.0, 1, 200) is None
    assert bar.seconds_left(9.25, 6, 200) == pytest.approx(0.25 / 5 * 194)
    assert bar.seconds_left(20.0, 0, 200) is None  # another training
