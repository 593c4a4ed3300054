"""Learning rates at the points where they are known."""

from __future__ import annotations

import pytest
import torch

from metaclr.engine import TrainSettings
from metaclr.engine.momentum_encoder import MomentumEncoder, momentum_at
from metaclr.engine.schedules import rate, warmup_steps
from metaclr.errors import UserError


def test_cosine_is_torchs() -> None:
    settings = TrainSettings(steps=50, lr=0.2, warmup=0)
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=0.2)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    for step in range(50):
        assert rate(settings, step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_warmup_as_fraction_and_as_steps() -> None:
    fraction, steps = TrainSettings(steps=100, warmup=0.1), TrainSettings(steps=100, warmup=10)
    assert warmup_steps(fraction) == warmup_steps(steps) == 10
    assert [rate(fraction, i) for i in range(100)] == [rate(steps, i) for i in range(100)]
    assert rate(fraction, 0) == pytest.approx(1e-4)
    assert rate(fraction, 9) == rate(fraction, 10) == 1e-3


def test_other_schedules() -> None:
    drop = TrainSettings(steps=100, lr=1.0, warmup=0, schedule="step")
    assert [round(rate(drop, i), 6) for i in (0, 59, 60, 79, 80, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    flat = TrainSettings(steps=10, lr=0.5, warmup=0, schedule="constant")
    assert {rate(flat, i) for i in range(10)} == {0.5}
    line = TrainSettings(steps=10, lr=1.0, warmup=0, schedule="linear")
    assert [round(rate(line, i), 6) for i in range(10)] == [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert rate(TrainSettings(steps=3, warmup=10), 2) == 1e-3


def test_target_momentum_rises_to_one() -> None:
    assert momentum_at(0.99, 0, 100, "cosine") == pytest.approx(0.99)
    assert momentum_at(0.99, 50, 100, "cosine") == pytest.approx(0.995)
    assert momentum_at(0.99, 100, 100, "cosine") == pytest.approx(1.0)
    assert momentum_at(0.99, 70, 100) == 0.99


def test_target_follows_and_never_learns() -> None:
    online = torch.nn.Linear(3, 2)
    target = MomentumEncoder(online)
    start = online.weight.detach().clone()
    with torch.no_grad():
        online.weight.add_(1.0)
    target.follow((online,), 0.75)
    torch.testing.assert_close(target.chain[0].weight, start + 0.25)
    assert not target(torch.ones(1, 3)).requires_grad
    assert not any(p.requires_grad for p in target.parameters())


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("steps", -1, "steps = -1"),
        ("steps", 2.5, "whole number"),
        ("lr", 0.0, "lr = 0.0: a number above 0"),
        ("lr", float("nan"), "lr = nan"),
        ("momentum", 1.0, "below 1"),
        ("optimizer", "adm", "did you mean 'adam'"),
        ("schedule", "cosin", "did you mean 'cosine'"),
        ("precision", "fp16", "unknown precision 'fp16'"),
        ("clip", -1.0, "clip = -1.0"),
        ("checkpoint_seconds", 0, "checkpoint_seconds = 0"),
    ],
)
def test_bad_settings_are_one_clear_line(key: str, value: object, says: str) -> None:
    with pytest.raises(UserError) as error:
        TrainSettings(**{key: value})  # type: ignore[arg-type]
    assert says in str(error.value)
    assert "\n" not in str(error.value)
