"""Every side of the benchmark trains its encoder, and its clock counts training alone."""

from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

from metaclr.data import adapt
from tests.metaclr.comparison.small import stripes

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("side", ["protonet", "learn2learn", "simclr", "lightly"])
def test_a_side_trains_until_its_limit(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("learn2learn") is None or find_spec("lightly") is None:
        pytest.skip("needs learn2learn and lightly (uv run --group bench)")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import time_to_accuracy as script

    monkeypatch.setattr(script, "WAYS", 4)
    monkeypatch.setattr(script, "IMAGES", 8)
    images = adapt(stripes(8, 12), size=28, channels=1)
    seen = []

    def measure(encoder: nn.Module) -> float:
        seen.append(next(encoder.parameters()).detach().clone())
        return 0.0

    clock = script.Clock(measure, goal=90.0, limit=0.1, every=0.0)
    chosen = Namespace(precision="fp32", workers=0)
    run = getattr(script, side, None) or (lambda *rest: script.ours(side, *rest))
    script.one_side(lambda c: run(images, chosen, c, torch.device("cpu")), clock)
    assert clock.found is None
    assert clock.seconds >= 0.1
    steps = [step for _, step, _ in clock.curve]
    assert steps == sorted(steps)
    assert len(seen) < 2 or not seen[0].equal(seen[-1])


def test_the_clock_stops_while_the_encoder_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("learn2learn") is None or find_spec("lightly") is None:
        pytest.skip("needs learn2learn and lightly (uv run --group bench)")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import time_to_accuracy as script

    now = [0.0]
    monkeypatch.setattr(script.time, "perf_counter", lambda: now[0])

    def measure(_: nn.Module) -> float:
        now[0] += 100  # not counted
        return 30.0 * len(clock.curve)

    clock = script.Clock(measure, goal=60.0, limit=1000.0, every=2.0)
    clock.start()

    def training(running: script.Clock) -> None:
        for step in range(1, 100):
            now[0] += 1
            running.tick(nn.Identity(), step)

    assert script.one_side(training, clock) is clock
    assert clock.curve == [(2.0, 2, 0.0), (4.0, 4, 30.0), (6.0, 6, 60.0)]
    assert clock.found == 6.0
