"""Scores, intervals, bold and differences against numbers worked out by hand or by scipy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from metaclr.errors import UserError
from metaclr.results.report.headline import caution, headlines, tally
from metaclr.results.scores.summary import differences, summarise
from metaclr.results.store.episode_classes import EpisodeClasses
from metaclr.results.store.folder import About, Results, load
from metaclr.results.store.rows import Row
from tests.metaclr.evaluation import slow_intervals

EPISODES, CLASSES = 400, 40
IDS = np.random.default_rng(9).random((EPISODES, CLASSES)).argsort(1)[:, :5]
"""The classes of 400 stored 5-way episodes."""


def row(method: str, values: np.ndarray, seed: int = 0, **changes: object) -> Row:
    base = Row(
        run=f"{method}-s{seed}", method=method, source="s", target="t", encoder="conv4", seed=seed, steps=1,
        evaluator="few-shot", way=5, shot=1, label_subset="", metric="accuracy", value=float(100 * values.mean()),
        ci95=1.0, ci95_episodes=0.4, n_items=len(values), protocol="0ab1: mode=eval; digest=d; head=cosine",
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def results(*measured: tuple[Row, np.ndarray]) -> Results:
    items = {r.id: v.astype(np.float32) for r, v in measured}
    return Results(tuple(r for r, _ in measured), items, episode_classes=EpisodeClasses({"d": IDS}))


def pattern(rng: np.random.Generator) -> np.ndarray:
    """Differences (E,) of mean 0 that depend on the classes of an episode, and on the episode."""
    y = rng.normal(size=CLASSES)[IDS].mean(1) + 0.3 * rng.normal(size=EPISODES)
    return np.asarray(y - y.mean())


def shifted(base: np.ndarray, points: float, p: float, rng: np.random.Generator) -> np.ndarray:
    """Accuracies `points` above `base`, whose difference from it has the p value given, by the slow jackknife."""
    y = pattern(rng)
    half, _ = slow_intervals.over_classes(y, IDS)
    _, se, df, _, raw_df = slow_intervals.jackknife(y.tolist(), IDS.tolist())
    used = df if stats.t.ppf(0.975, df) * se <= half * (1 + 1e-9) else raw_df
    goal = half / stats.t.ppf(0.975, used) * stats.t.isf(p / 2, used)  # |mean| / standard error at this p
    return np.asarray(base + points / 100 + abs(points) / 100 / goal * y)


def hand_example() -> tuple[Results, dict[str, np.ndarray]]:
    """b beats a by 1 point (p = 1e-5); c is 0.1 below b (p = 0.6); untrained far below but noisy (p = 1e-8)."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.8, EPISODES)
    below = {"a": (-1.0, 1e-5), "c": (-0.1, 0.6), "untrained": (-20.0, 1e-8)}
    values = {"b": base} | {m: shifted(base, points, p, rng) for m, (points, p) in below.items()}
    values = {m: values[m] for m in ("a", "b", "c", "untrained")}
    return results(*((row(m, v), v) for m, v in values.items())), values


def test_bold_is_the_best_and_what_is_not_significantly_worse() -> None:
    made, _ = hand_example()
    assert {m for m, _ in summarise(made).bold} == {"b", "c"}


def test_holm_can_save_what_one_test_alone_would_not() -> None:
    """p = 0.03 is significant alone, not among three (0.03 x 2 after the smallest is rejected)."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, EPISODES)
    close, also = shifted(base, -1.0, 0.03, rng), shifted(base, -0.9, 0.04, rng)
    pair = results(*((row(m, v), v) for m, v in {"best": base, "close": close}.items()))
    assert {m for m, _ in summarise(pair).bold} == {"best"}
    three = {"best": base, "close": close, "also": also}
    assert {m for m, _ in summarise(results(*((row(m, v), v) for m, v in three.items()))).bold} == set(three)


def test_columns_of_a_target_are_corrected_together() -> None:
    """Four few-shot columns of one target are one family, its probes another, another target's columns a third."""
    rng = np.random.default_rng(7)
    base = rng.uniform(0.4, 0.6, EPISODES)
    other = shifted(base, -1.0, 0.03, rng)

    def both(**change: object) -> list[tuple[Row, np.ndarray]]:
        return [(row(m, v, **change), v) for m, v in {"best": base, "other": other}.items()]

    alone = summarise(results(*both(), *both(target="elsewhere"), *both(evaluator="linear", way=None, shot=None)))
    assert {m for m, t in alone.bold if t.is_few_shot} == {"best"}
    together = summarise(results(*both(), *both(shot=5)))
    assert {m for m, _ in together.bold} == {"best", "other"}
    p = {t: d["other"].p for s in (alone, together) for t, d in differences(s, "best")[0].items() if t.target == "t"}
    assert sorted(p.values())[-1] == pytest.approx(0.06, rel=1e-2)


def test_a_control_may_win() -> None:
    _, values = hand_example()
    made = results(*((row(m, v), v) for m, v in {"simclr": values["a"], "pixels": values["b"]}.items()))
    assert {m for m, _ in summarise(made).bold} == {"pixels"}
    assert "no trained encoder beats the control pixels" in headlines(summarise(made))[0]


def test_differences_agree_with_deleting_every_class() -> None:
    made, values = hand_example()
    summary = summarise(made)
    found = differences(summary, "untrained")[0][summary.tasks[0]]
    y = {m: 100 * (values[m] - values["untrained"]) for m in "abc"}
    slow = {m: slow_intervals.over_classes(d, IDS) for m, d in y.items()}
    smallest = sorted(p for _, p in slow.values())
    for method, (half, p) in slow.items():
        assert found[method].value == pytest.approx(y[method].mean(), abs=1e-4)
        assert found[method].ci95 == pytest.approx(half, rel=1e-4)
        holm = max((3 - i) * one for i, one in enumerate(smallest) if one <= p)
        assert found[method].p == pytest.approx(min(1.0, holm), rel=1e-2)
        low, high = stats.ttest_1samp(y[method], 0).confidence_interval(0.95)
        assert found[method].ci95_episodes == pytest.approx((high - low) / 2, rel=1e-4)
        assert not found[method].about_methods


def test_differences_over_test_images_agree_with_scipy() -> None:
    rng = np.random.default_rng(4)
    right = {m: (rng.random(500) < level).astype(float) for m, level in {"a": 0.8, "untrained": 0.7}.items()}
    change = {"evaluator": "linear", "way": None, "shot": None, "protocol": "test=x"}
    made = results(*((row(m, v, **change), v) for m, v in right.items()))
    summary = summarise(made)
    found = differences(summary, "untrained")[0][summary.tasks[0]]["a"]
    test = stats.ttest_rel(100 * right["a"], 100 * right["untrained"])
    low, high = test.confidence_interval(0.95)
    assert (found.value, found.ci95) == pytest.approx(((low + high) / 2, (high - low) / 2))
    assert found.p == pytest.approx(test.pvalue)
    assert found.ci95_episodes is None


def seeded(count: int, **spread: float) -> tuple[Results, dict[str, np.ndarray]]:
    """Methods with the seed spreads given, in points: values (S, E) whose seeds are equally far apart."""
    rng = np.random.default_rng(2)
    base = rng.uniform(0.3, 0.7, EPISODES)
    values = {
        m: np.stack([base + sd / 100 * (s - (count - 1) / 2) + 0.01 * pattern(rng) for s in range(count)])
        for m, sd in spread.items()
    }
    return results(*((row(m, v, s), v) for m, of in values.items() for s, v in enumerate(of))), values


@pytest.mark.parametrize("count", [2, 3, 5])
def test_intervals_of_several_seeds(count: int) -> None:
    """Two seeds are averaged within episodes; from three on they count, in scores and in paired differences."""
    made, values = seeded(count, a=2.0, b=0.5)
    summary = summarise(made)
    (task,) = summary.tasks
    assert summary.about_methods(task) == (count >= 3)
    for m, of in values.items():
        s, y = summary.scores[m, task], 100 * of
        alone = slow_intervals.over_classes(y.mean(0), IDS)[0]
        crossed = slow_intervals.over_classes(y.mean(0), IDS, y.mean(1))[0]
        assert s.value == pytest.approx(y.mean())
        assert s.sd == pytest.approx(np.std(y.mean(1), ddof=1), rel=1e-4)
        assert s.ci95 == pytest.approx(crossed if count >= 3 else alone, rel=1e-4)
        assert s.ci95_encoders == pytest.approx(alone, rel=1e-4)
        assert s.ci95_episodes == pytest.approx(stats.t.ppf(0.975, EPISODES - 1) * stats.sem(y.mean(0)), rel=1e-4)
        assert s.seeds == tuple(range(count))
    difference = 100 * (values["a"] - values["b"])
    found = differences(summary, "b")[0][task]["a"]
    means = difference.mean(1) if count >= 3 else None
    assert (found.ci95, found.p) == pytest.approx(slow_intervals.over_classes(difference.mean(0), IDS, means), rel=1e-3)
    assert found.seeds == pytest.approx(tuple(difference.mean(1)), abs=1e-4)
    assert found.about_methods == (count >= 3)


def test_pairs_share_seeds() -> None:
    made, values = seeded(4, a=1.0, b=1.0)
    made = replace(made, rows=tuple(r for r in made.rows if (r.method, r.seed) != ("b", 3)))
    summary = summarise(made)
    found = differences(summary, "b")[0][summary.tasks[0]]["a"]
    assert found.value == pytest.approx(100 * (values["a"][:3] - values["b"][:3]).mean(), abs=1e-4)
    assert len(found.seeds) == 3
    apart = replace(made, rows=tuple(r for r in made.rows if (r.method == "a") == (r.seed == 3)))
    summary = summarise(apart)
    assert "no training seed in common" in summary.unpaired[summary.tasks[0]]


def test_a_task_of_all_classes_has_no_test_without_second_best_answers() -> None:
    everything = np.random.default_rng(5).random((EPISODES, 5)).argsort(1)
    made, values = hand_example()
    rows = tuple(replace(r, ci95=None) for r in made.rows)
    made = replace(made, rows=rows, episode_classes=EpisodeClasses({"d": everything}))
    summary = summarise(made)
    (task,) = summary.tasks
    assert not summary.bold
    assert "every task uses all 5 classes" in summary.unpaired[task]
    assert "every task uses all 5 classes" in summary.scores["a", task].undefined
    found = differences(summary, "untrained")[0][task]["b"]
    assert (found.ci95, found.p) == (None, None)
    assert found.value == pytest.approx(20, abs=1e-3)
    assert "no test (every task uses all 5 classes" in headlines(summary)[0]
    # With them, the test is that of leave-one-way-out.
    rng = np.random.default_rng(6)
    noise = {r.id: rng.normal(size=(EPISODES, 5)) for r in rows}
    without = {r.id: (100 * values[r.method][:, None] + noise[r.id]).astype(np.float32) for r in rows}
    made = replace(made, episode_classes=EpisodeClasses({"d": everything}, without))
    summary = summarise(made)
    found = differences(summary, "untrained")[0][task]["b"]
    y = 100 * (values["b"] - values["untrained"])
    b, u = (without[next(r.id for r in rows if r.method == m)].astype(float) for m in ("b", "untrained"))
    se, df, raw, raw_df = slow_intervals.leave_one_way_out(y.tolist(), (b - u).tolist(), everything.tolist())
    assert found.ci95 == pytest.approx(slow_intervals.interval(y.mean(), (se, df), (raw, raw_df))[0], rel=1e-3)
    assert task not in summary.unpaired


def test_unknown_classes_give_no_test() -> None:
    made, _ = hand_example()
    summary = summarise(replace(made, episode_classes=EpisodeClasses()))
    assert not summary.bold
    assert "classes of the episodes are not stored" in summary.unpaired[summary.tasks[0]]


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
    assert "the encoder of b leads with" in line
    assert "not significantly worse: c" in line
    assert f"{gain:.1f} ± " in line
    assert tally(summarise(made)) == ""


def test_a_sentence_names_ten_of_many_methods() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.8, EPISODES)
    values = {"untrained": base} | {f"m{i}": base + 0.01 * pattern(rng) for i in range(20)}
    (line,) = headlines(summarise(results(*((row(m, v), v) for m, v in values.items()))))
    ties, below = re.findall(r"(?:not significantly worse|Not significantly above untrained): ([^.]*)", line)
    for listed in (ties, below):
        assert listed.count(",") == 9
        assert listed.endswith(" and 10 more")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_only_three_seeds_make_a_sentence_about_a_method(count: int) -> None:
    made, _ = seeded(count, a=0.05, b=0.05)
    better = {r.id: made.items[r.id] + 0.1 * (r.method == "a") for r in made.rows}
    rows = tuple(replace(r, value=r.value + 10 * (r.method == "a")) for r in made.rows)
    summary = summarise(replace(made, rows=rows, items=better))
    (line,) = headlines(summary)
    if count >= 3:
        assert ": a leads with" in line
        assert "significantly better than every other method" in line
        assert caution(summary) == ""
    else:
        assert ": the encoder of a leads with" in line
        assert "significantly better than every other encoder here" in line
        assert "method" not in line
        assert "none about the methods" in caution(summary)


def test_a_lead_within_the_spread_over_seeds_is_said() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(0.3, 0.7, EPISODES)
    noise = [0.01 * pattern(rng) for _ in range(4)]
    first = [(row("a", v, seed), v) for seed, v in enumerate([base + 0.1 + noise[0], base - 0.08 + noise[1]])]
    second = [(row("b", v, seed), v) for seed, v in enumerate([base + 0.005 + noise[2], base - 0.005 + noise[3]])]
    summary = summarise(results(*first, *second))
    assert "less than the spread over seeds" in headlines(summary)[0]


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
