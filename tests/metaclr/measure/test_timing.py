"""Spreads, paired ratios and turns: arithmetic that a benchmark stands on."""

import time

import pytest
import torch

from metaclr.errors import UserError
from metaclr.measure.timing import for_seconds, interleaved, rate, ratio, spread, steps_for

CPU = torch.device("cpu")


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    found = spread([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.low, found.median, found.high, found.n) == (2.0, 3.0, 4.0, 5)
    alone = spread([7.0])
    assert (alone.low, alone.median, alone.high, alone.n) == (7.0, 7.0, 7.0, 1)
    with pytest.raises(UserError):
        spread([])


def test_a_ratio_is_paired_by_turn() -> None:
    # A machine that is ten times slower in the second turn changes no ratio; a ratio of medians would be 20.
    assert ratio([20.0, 2.0, 20.0], [10.0, 1.0, 10.0]).median == 2.0
    assert ratio([20.0, 2.0, 2.0], [1.0, 0.1, 1.0]).median == pytest.approx(20.0)
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_sides_take_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    rates = interleaved({"a": lambda: side("a"), "b": lambda: side("b")}, 2)
    assert order == ["a", "b"] * 3
    assert rates == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_rates_count_things_a_second() -> None:
    def work() -> int:
        time.sleep(0.02)
        return 10

    assert rate(work, CPU) <= 500  # never faster than it can be: 10 things in at least 0.02 s
    calls = []
    turn = for_seconds(lambda: calls.append(1) or work(), 0.1, CPU)  # type: ignore[func-returns-value]
    assert turn() <= 500
    assert 1 <= len(calls) <= 5


def test_steps_fill_the_seconds_and_are_never_fewer_than_the_least() -> None:
    def run(steps: int) -> int:
        time.sleep(0.01 * steps)
        return steps

    assert 1 <= steps_for(run, 0.1, CPU) <= 10
    assert steps_for(run, 0.001, CPU, least=3) == 3
