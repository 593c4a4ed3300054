"""Scores, intervals, bold and differences against numbers worked out by hand or by scipy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from metaclr.errors import UserError
from metaclr.results.report.headline import caution, headlines, tally
from metaclr.results.scores.summary import differences, summarise
from metaclr.results.store.folder import About, Results, load
from metaclr.results.store.rows import Row

EPISODES = 400


def row(method: str, values: np.ndarray, seed: int = 0, **changes: object) -> Row:
    base = Row(
        run=f"{method}-s{seed}", method=method, source="s", target="t", encoder="conv4", seed=seed, steps=1,
        evaluator="few-shot", way=5, shot=1, label_subset="", metric="accuracy", value=float(100 * values.mean()),
        ci95=1.0, n_items=len(values), protocol="0ab1: mode=eval; digest=d; head=cosine",
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def results(*measured: tuple[Row, np.ndarray]) -> Results:
    return Results(tuple(r for r, _ in measured), {r.id: v.astype(np.float32) for r, v in measured})


def hand_example() -> tuple[Results, dict[str, np.ndarray]]:
    """b beats a by 1 point with a spread of 4 (t = 5); c is 0.1 below b (t = 0.5); d far below but noisy."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.8, EPISODES)

    def shifted(points: float, spread: float) -> np.ndarray:
        noise = rng.normal(size=EPISODES)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        return base + points / 100 + spread / 100 * noise

    values = {"a": shifted(-1.0, 4.0), "b": base, "c": shifted(-0.1, 4.0), "untrained": shifted(-20.0, 30.0)}
    return results(*((row(m, v), v) for m, v in values.items())), values


def test_bold_is_the_best_and_what_is_not_significantly_worse() -> None:
    made, _ = hand_example()
    assert {m for m, _ in summarise(made).bold} == {"b", "c"}


def test_holm_can_save_what_one_test_alone_would_not() -> None:
    """t = 2.2 is p = 0.028: significant alone, not among three (0.028 x 2 after the smallest is rejected)."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, EPISODES)

    def below(t: float) -> np.ndarray:
        noise = rng.normal(size=EPISODES)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        return base - t * 0.04 / EPISODES**0.5 + 0.04 * noise

    pair = results(*((row(m, v), v) for m, v in {"best": base, "close": below(2.2)}.items()))
    assert {m for m, _ in summarise(pair).bold} == {"best"}
    three = {"best": base, "close": below(2.2), "also": below(2.1)}
    assert {m for m, _ in summarise(results(*((row(m, v), v) for m, v in three.items()))).bold} == set(three)


def test_a_control_may_win() -> None:
    _, values = hand_example()
    made = results(*((row(m, v), v) for m, v in {"simclr": values["a"], "pixels": values["b"]}.items()))
    assert {m for m, _ in summarise(made).bold} == {"pixels"}
    assert "no trained method beats the control pixels" in headlines(summarise(made))[0]


def test_differences_agree_with_scipy() -> None:
    made, values = hand_example()
    summary = summarise(made)
    found = differences(summary.of(summary.tasks[0]), "untrained")
    tests = {m: stats.ttest_rel(values[m], values["untrained"]) for m in "abc"}
    smallest = sorted(t.pvalue for t in tests.values())
    for method, test in tests.items():
        low, high = test.confidence_interval(0.95)
        assert found[method].value == pytest.approx(100 * (low + high) / 2, abs=1e-4)
        assert found[method].ci95 == pytest.approx(100 * (high - low) / 2, abs=1e-4)
        holm = max((3 - i) * p for i, p in enumerate(smallest) if p <= test.pvalue)
        assert found[method].p == pytest.approx(min(1.0, holm), rel=1e-3)


def test_interval_over_episodes_and_spread_over_seeds_stay_apart() -> None:
    rng = np.random.default_rng(2)
    seeds = [rng.uniform(0, 1, EPISODES) + shift for shift in (0.0, 0.1, 0.2)]
    made = results(*((row("a", v, seed), v) for seed, v in enumerate(seeds)))
    (s,) = summarise(made).scores.values()
    means = [100 * v.mean() for v in seeds]
    over = 100 * np.mean(seeds, axis=0)
    assert s.value == pytest.approx(np.mean(means))
    assert s.sd == pytest.approx(np.std(means, ddof=1))
    assert s.ci95 == pytest.approx(stats.t.ppf(0.975, EPISODES - 1) * stats.sem(over), rel=1e-4)
    assert s.seeds == (0, 1, 2)


def test_probes_take_the_mean_of_the_seeds_intervals() -> None:
    values = np.array([0.0, 1.0] * 50)
    change = {"evaluator": "linear", "way": None, "shot": None}
    made = results((row("a", values, 0, ci95=2.0, **change), values), (row("a", values, 1, ci95=4.0, **change), values))
    (s,) = summarise(made).scores.values()
    assert s.ci95 == 3.0


def test_one_seed_has_no_spread_and_keeps_its_own_interval() -> None:
    made, _ = hand_example()
    s = next(iter(summarise(made).scores.values()))
    assert (s.sd, s.ci95) == (None, 1.0)


@pytest.mark.parametrize("change", [{"protocol": "digest=other"}, {"n_items": EPISODES - 1}])
def test_other_items_are_never_paired(change: dict[str, object]) -> None:
    _, values = hand_example()
    shorter = values["b"][: int(change.get("n_items", EPISODES))]  # type: ignore[call-overload]
    made = results((row("a", values["a"]), values["a"]), (row("b", shorter, **change), shorter))
    summary = summarise(made)
    assert not summary.bold
    assert "different items" in summary.unpaired[summary.tasks[0]]


def test_what_differs_by_method_does_not_hinder_pairing() -> None:
    _, values = hand_example()
    other = row("b", values["b"], protocol="77ff: mode=eval; digest=d; head=cosine; penalty=0.1")
    summary = summarise(results((row("a", values["a"]), values["a"]), (other, values["b"])))
    assert {m for m, _ in summary.bold} == {"b"}


def test_rows_without_items_are_shown_and_not_bold() -> None:
    made, values = hand_example()
    summary = summarise(replace(made, items={}))
    assert not summary.bold
    assert summary.scores["a", summary.tasks[0]].value == pytest.approx(100 * values["a"].mean())
    assert "no per-item results" in summary.unpaired[summary.tasks[0]]


def test_items_of_another_row_are_refused() -> None:
    made, _ = hand_example()
    first = made.rows[0]
    with pytest.raises(UserError, match="per-item results"):
        summarise(replace(made, rows=(replace(first, value=first.value + 1), *made.rows[1:])))


def test_two_runs_of_one_seed_are_refused() -> None:
    made, _ = hand_example()
    twice = replace(made.rows[0], run="again")
    with pytest.raises(UserError, match="both have seed 0"):
        summarise(replace(made, rows=(*made.rows, twice)))


def test_items_in_percent_are_the_same_as_items_in_one() -> None:
    made, _ = hand_example()
    percent = replace(made, items={key: 100 * v for key, v in made.items.items()})
    one, other = summarise(made), summarise(percent)
    assert one.bold == other.bold
    task = one.tasks[0]
    assert other.scores["a", task].items == pytest.approx(one.scores["a", task].items, rel=1e-5)


def test_headline_says_leader_ties_and_the_distance_to_untrained() -> None:
    made, values = hand_example()
    (line,) = headlines(summarise(made))
    gain = 100 * (values["b"] - values["untrained"]).mean()
    assert "b leads with" in line
    assert "not significantly worse: c" in line
    assert f"{gain:.1f} ± " in line
    assert tally(summarise(made)) == ""


def test_a_lead_within_the_spread_over_seeds_is_said() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(0.3, 0.7, EPISODES)
    noise = [rng.normal(scale=0.01, size=EPISODES) for _ in range(4)]
    first = [(row("a", v, seed), v) for seed, v in enumerate([base + 0.1 + noise[0], base - 0.08 + noise[1]])]
    second = [(row("b", v, seed), v) for seed, v in enumerate([base + 0.01 + noise[2], base - 0.01 + noise[3]])]
    summary = summarise(results(*first, *second))
    assert "less than the spread over seeds" in headlines(summary)[0]
    assert caution(summary) == ""
    assert "One training seed" in caution(summarise(results(first[0])))


def test_one_method_alone_is_not_best() -> None:
    _, values = hand_example()
    summary = summarise(results((row("a", values["a"]), values["a"])))
    assert not summary.bold
    assert headlines(summary) == [f"On t (5-way 1-shot): a reaches {100 * values['a'].mean():.1f} ± 1.0 %."]


def test_controls_go_last_and_failed_methods_are_known(comparison: Callable[..., Path]) -> None:
    about = About(failures={"byol-glyphs-source-s1": "loss became nan at step 3 (lr 0.1)"})
    folder = comparison(methods=("untrained", "byol", "simclr"), missing=("byol",), about=about)
    made = load(folder)
    assert made.methods == ("byol", "simclr", "untrained")
    assert made.failed == {"byol": ["byol-glyphs-source-s1: loss became nan at step 3 (lr 0.1)"]}
    assert load(folder, failures={}).methods == ("simclr", "untrained")
