"""Intervals and tests against SciPy, and against what they must be in cases where that is plain."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metaclr.errors import UserError
from metaclr.evaluation import statistics


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [2, 3, 30, 2000])
def test_mean_interval_is_students(n: int) -> None:
    values = normal(n)
    found = statistics.mean_interval(values)
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean().item(), scale=stats.sem(values.numpy()))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.n == n


def test_one_value_has_no_interval_and_none_is_refused() -> None:
    assert math.isnan(statistics.mean_interval(torch.ones(1)).half)
    with pytest.raises(UserError, match="at least one"):
        statistics.mean_interval(torch.ones(0))
    with pytest.raises(UserError, match="finite"):
        statistics.mean_interval(torch.tensor([1.0, math.nan]))


@given(n=st.integers(1, 3000), share=st.floats(0, 1))
def test_wilson_is_scipys(n: int, share: float) -> None:
    correct = round(share * n)
    theirs = stats.binomtest(correct, n).proportion_ci(method="wilson")
    low, high = statistics.wilson(correct, n)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    over = statistics.proportion((torch.arange(n) < correct).float())
    assert over.mean == pytest.approx(correct / n)
    assert over.half > 0
    assert over.mean - over.half <= low + 1e-9
    assert over.mean + over.half >= high - 1e-9


def test_paired_difference_is_the_paired_t_test() -> None:
    a, b = normal(200, seed=1), normal(200, seed=1) + 0.1 * normal(200, seed=2) - 0.02
    found = statistics.paired_difference(a, b)
    theirs = stats.ttest_rel(a.numpy(), b.numpy())
    interval = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.difference - found.half, found.difference + found.half) == pytest.approx(
        (interval.low, interval.high)
    )


def test_pairs_without_spread() -> None:
    a = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert statistics.paired_difference(a, a).p == 1
    assert statistics.paired_difference(torch.ones(50), torch.zeros(50)).p == 0
    with pytest.raises(UserError, match="same ones"):
        statistics.paired_difference(a, a[:-1])
    with pytest.raises(UserError, match="2 pairs"):
        statistics.paired_difference(a[:1], a[:1])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    corrected = statistics.holm(p_values)
    level, rejected = 0.05, set()
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[i] * (len(p_values) - rank) > level:
            break
        rejected.add(i)
    assert {i for i, p in enumerate(corrected) if p <= level} == rejected
    assert all(c >= p and c <= 1 for c, p in zip(corrected, p_values, strict=True))


def test_correction_keeps_down_the_share_of_false_claims() -> None:
    """Eight equal methods: how many tables call some method worse than the best, with the correction and without.

    The best is chosen on the same items, so the share with it is above 5 %: 12.5 % (20,000 simulated tables in plain
    numpy and scipy), and 50.3 % without it. 300 tables give that within three standard errors, 5.7 points.
    """
    tables = [[normal(60, seed=8 * t + m) for m in range(8)] for t in range(300)]
    corrected = bare = 0
    for table in tables:
        best, *others = sorted(table, key=lambda items: -float(items.mean()))
        p = [statistics.paired_difference(best, items).p for items in others]
        bare += min(p) < 0.05
        corrected += min(statistics.holm(p)) <= 0.05
    assert corrected / len(tables) == pytest.approx(0.125, abs=0.057)
    assert bare / len(tables) == pytest.approx(0.503, abs=0.087)


def test_seeds_are_apart_from_episodes() -> None:
    found = statistics.over_seeds([60.0, 62.0, 64.0])
    assert (found.mean, found.sd, found.seeds) == (62.0, 2.0, 3)
    assert math.isnan(statistics.over_seeds([60.0]).sd)
