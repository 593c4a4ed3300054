"""Standard errors for new classes against slow loops, the reference code, their limits, and on real data."""

from __future__ import annotations

import math
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from episodes import EpisodeTable, ImageSet, TaskShape, sample_table
from metaclr.data import load
from metaclr.errors import UserError
from metaclr.evaluation import episode_accuracies
from metaclr.evaluation.class_jackknife import class_jackknife
from metaclr.evaluation.few_shot import accuracies_without_each_way
from metaclr.evaluation.leave_one_way_out import leave_one_way_out
from metaclr.evaluation.new_classes import new_class_errors, undefined_reason
from metaclr.evaluation.standard_errors import StandardErrors, crossed, interval, undefined
from metaclr.evaluation.statistics import mean_interval
from tests.metaclr.evaluation import slow_intervals

Tensor = torch.Tensor
ROOT = Path(__file__).parents[3]


def drawn(episodes: int, count: int, way: int, seed: int = 0, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """y (E,) with additive class effects and noise, float64, and class ids (E, N)."""
    made = torch.Generator().manual_seed(seed)
    classes = torch.stack([torch.randperm(count, generator=made)[:way] for _ in range(episodes)])
    effects = 0.1 * torch.randn(count, generator=made, dtype=torch.float64)
    return (
        0.5 + effects[classes].mean(1) + noise * torch.randn(episodes, generator=made, dtype=torch.float64),
        classes,
    )


@pytest.mark.parametrize("noise", [0.02, 0.5], ids=["little noise", "much noise"])
@pytest.mark.parametrize("shape", [(200, 12, 5), (60, 40, 3), (300, 21, 20), (90, 7, 6), (40, 20, 1)], ids=str)
def test_the_jackknife_is_the_loop(shape: tuple[int, int, int], noise: float) -> None:
    y, classes = drawn(*shape, noise=noise)
    found = class_jackknife(y, classes)
    mean, *pairs = slow_intervals.jackknife(y.tolist(), classes.tolist())
    assert float(found.mean) == pytest.approx(mean, abs=1e-12)
    expected = torch.tensor(pairs, dtype=torch.float64)
    torch.testing.assert_close(
        torch.stack([found.se[0], found.df[0], found.se[1], found.df[1]]), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("noise", [0.02, 0.5], ids=["little noise", "much noise"])
def test_the_jackknife_of_copies_is_the_loop(noise: float) -> None:
    """Turns of a character have its id: all are left out together, and an episode may hold two of them."""
    y, classes = drawn(300, 60, 5, noise=noise)
    origins = classes // 4
    assert any(len(set(task)) < 5 for task in origins.tolist())
    found = class_jackknife(y, origins)
    mean, *pairs = slow_intervals.jackknife(y.tolist(), origins.tolist())
    assert float(found.mean) == pytest.approx(mean, abs=1e-12)
    expected = torch.tensor(pairs, dtype=torch.float64)
    torch.testing.assert_close(
        torch.stack([found.se[0], found.df[0], found.se[1], found.df[1]]), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("shape", [(80, 6, 6), (200, 30, 20), (50, 40, 2)], ids=str)
def test_leave_one_way_out_is_the_loop(shape: tuple[int, int, int]) -> None:
    y, classes = drawn(*shape)
    without = (
        y.unsqueeze(1) + 0.05 * torch.randn(shape[0], shape[2], generator=torch.Generator().manual_seed(1)).double()
    )
    found = leave_one_way_out(y, without, classes)
    slow = slow_intervals.leave_one_way_out(y.tolist(), without.tolist(), classes.tolist())
    expected = torch.tensor(slow, dtype=torch.float64)
    torch.testing.assert_close(
        torch.stack([found.se[0], found.df[0], found.se[1], found.df[1]]), expected, rtol=1e-9, atol=1e-12
    )


def reference() -> ModuleType:
    """The reference code beside the checkout (or beside the checkout that this is a worktree of)."""
    name = "few_shot_interval.py"
    for folder in ROOT.parents:
        if (path := folder / "shared" / name).is_file():
            spec = spec_from_file_location("few_shot_interval", path)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    pytest.skip(f"no shared/{name} beside the checkout")


@pytest.fixture(scope="module", params=["glyphs:held-out", "digits", "omniglot_upright:test"])
def pool(request: pytest.FixtureRequest) -> ImageSet:
    try:
        return load(request.param, size=28, channels=1)
    except UserError as error:
        pytest.skip(str(error))


def judged(pool: ImageSet, way: int, shot: int, episodes: int = 2000) -> tuple[EpisodeTable, Tensor, Tensor, Tensor]:
    """A table, its class ids, accuracies (S, E) of four noisy looks at the pixels, and features of the first."""
    table = sample_table(pool, TaskShape(way, shot, 5), episodes, seed=0)
    pixels = pool.images[:].flatten(1).float() / 255
    pixels = torch.nn.functional.avg_pool2d(pixels.view(-1, 1, 28, 28), 4).flatten(1)
    made = torch.Generator().manual_seed(0)
    looks = [pixels + 0.2 * torch.randn(pixels.shape, generator=made) for _ in range(4)]
    accuracies = torch.stack([episode_accuracies(look, table) for look in looks]).double()
    return table, pool.required_labels()[table.support[:, :, 0]], accuracies, looks[0]


@pytest.mark.parametrize(("way", "shot"), [(5, 1), (5, 5), (20, 1), (20, 5), (10, 1)])
def test_agrees_with_the_reference_on_stored_episodes(pool: ImageSet, way: int, shot: int) -> None:
    theirs = reference()
    if way > pool.classes:
        pytest.skip(f"{pool.name} has {pool.classes} classes")
    table, classes, y, look = judged(pool, way, shot)
    ids = classes.numpy()
    for values in (y[0], y[0] - y[1]):
        half, p = interval(class_jackknife(values, classes))
        expected = theirs.interval(*theirs.class_jackknife(values.numpy(), ids))
        np.testing.assert_allclose((float(half), float(p)), expected, rtol=0, atol=1e-9)
        assert math.isnan(half) == (way == pool.classes)
    differences = y[:3] - y[1:]
    half, p = interval(crossed(class_jackknife(differences.mean(0), classes), differences.mean(1)))
    expected = theirs.interval(*theirs.crossed(differences.numpy(), ids))
    np.testing.assert_allclose((float(half), float(p)), expected, rtol=0, atol=1e-9)
    without = accuracies_without_each_way(look, table)
    half, p = interval(leave_one_way_out(y[0], without, classes))
    expected = theirs.interval(*theirs.leave_one_way_out(y[0].numpy(), without.double().numpy(), ids))
    np.testing.assert_allclose((float(half), float(p)), expected, rtol=0, atol=1e-9)
    assert 0 < float(half) < 0.5


@pytest.mark.parametrize("head", ["cosine", "euclidean", "nearest"])
def test_accuracy_without_a_way_is_that_of_the_episode_without_it(head: str) -> None:
    made = torch.Generator().manual_seed(0)
    images = ImageSet(torch.zeros(300, 1, 1, 1, dtype=torch.uint8), torch.arange(300) // 10)
    rows = torch.randn(30, 16, generator=made).repeat_interleave(10, 0) + torch.randn(300, 16, generator=made)
    table = sample_table(images, TaskShape(6, 2, 4), 40, seed=0)
    found = accuracies_without_each_way(rows, table, head=head)
    assert 0.3 < float(found.mean()) < 0.95
    for j in range(6):
        others = [i for i in range(6) if i != j]
        smaller = EpisodeTable(table.support[:, others], table.query[:, others], table.fingerprint, 0)
        torch.testing.assert_close(found[:, j], episode_accuracies(rows, smaller, head=head))


cases = st.tuples(
    st.integers(0, 10**6), st.integers(6, 25), st.integers(1, 5), st.sampled_from([20, 60, 150]), st.floats(0.001, 1)
)


@settings(max_examples=60, deadline=None)
@given(cases, st.floats(0.01, 100), st.floats(-1, 1))
def test_invariance(case: tuple[int, int, int, int, float], scale: float, shift: float) -> None:
    """Class ids are names; intervals follow the unit; a constant moves the mean alone; the order does not matter."""
    seed, count, way, episodes, noise = case
    y, classes = drawn(episodes, count, way, seed, noise)
    made = torch.Generator().manual_seed(seed)
    without = y.unsqueeze(1) + torch.randn(episodes, way, generator=made, dtype=torch.float64)
    names = torch.randperm(1000, generator=made)[:count]
    order = torch.randperm(episodes, generator=made)
    ways = torch.randperm(way, generator=made)
    estimates = (class_jackknife, lambda y, classes: leave_one_way_out(y, without, classes))
    for estimate in estimates[: 2 if way > 1 else 1]:
        found = estimate(y, classes)
        same(estimate(y, names[classes]), found)
    found = class_jackknife(y, classes)
    same(class_jackknife(y[order], classes[order]), found)
    same(class_jackknife(y, classes[:, ways]), found)
    same(class_jackknife(-scale * y, classes), StandardErrors(-scale * found.mean, scale * found.se, found.df))
    same(class_jackknife(y + shift, classes), StandardErrors(found.mean + shift, found.se, found.df))
    assert bool((found.se[0] <= found.se[1]).all() | found.se.isnan().all())


def same(found: StandardErrors, expected: StandardErrors) -> None:
    for name in ("mean", "se", "df"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-10, equal_nan=True)


def test_many_differences_at_once_are_each_alone() -> None:
    _, classes = drawn(150, 20, 5)
    y = torch.randn(2, 3, 150, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    y[0, 1] = 0.25  # constant, beside others that are not
    without = y.unsqueeze(-1) + torch.randn(2, 3, 150, 5, generator=torch.Generator().manual_seed(4))
    without[0, 1] = 0.25
    for found, alone in (
        (class_jackknife(y, classes), lambda i, j: class_jackknife(y[i, j], classes)),
        (leave_one_way_out(y, without, classes), lambda i, j: leave_one_way_out(y[i, j], without[i, j], classes)),
    ):
        assert found.se.shape == found.df.shape == (2, 2, 3)
        half, p = interval(found)
        for i in range(2):
            for j in range(3):
                same(StandardErrors(found.mean[i, j], found.se[:, i, j], found.df[:, i, j]), alone(i, j))
                expected = interval(alone(i, j))
                torch.testing.assert_close((half[i, j], p[i, j]), expected)


def test_limits() -> None:
    """Without noise, and with each class in one-way episodes alone, it is the t interval over class means; with noise
    alone it comes near that over episodes; additive effects of N ways count N times those of their mean."""
    effects = torch.randn(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.arange(30).repeat(40).unsqueeze(1)
    half = float(interval(class_jackknife(effects[classes[:, 0]], classes))[0])
    assert half == pytest.approx(mean_interval(effects).half, rel=1e-9)
    noise = torch.randn(20000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, many = drawn(20000, 300, 5)
    found = class_jackknife(noise, many)
    over_episodes = float(noise.std()) / 20000**0.5
    assert over_episodes <= float(found.se[0]) < 2 * over_episodes
    assert float(found.se[1]) > 2 * over_episodes  # raw holds the episodes' variance about N = 5 times
    clean, classes = drawn(4000, 100, 5, noise=1e-9)
    effects = torch.linalg.lstsq(torch.zeros(4000, 100).double().scatter_(1, classes, 0.2), clean.unsqueeze(1)).solution
    assert float(class_jackknife(clean, classes).se[0]) == pytest.approx(float(effects.std()) / 10, rel=0.07)


def test_more_episodes_do_not_narrow_it_below_the_classes() -> None:
    few, many = (class_jackknife(*drawn(count, 40, 5)) for count in (2000, 32000))
    assert float(interval(many)[0]) > 0.85 * float(interval(few)[0])
    t_few, t_many = (mean_interval(drawn(count, 40, 5)[0]).half for count in (2000, 32000))
    assert t_many < 0.3 * t_few


def test_interval_takes_the_narrower_pair_by_students_t() -> None:
    errors = StandardErrors(
        torch.tensor([0.1, 0.1, 0.0]).double(),
        torch.tensor([[0.04, 0.04, torch.nan], [0.06, 0.05, torch.nan]]).double(),
        torch.tensor([[2.0, 30.0, 0.0], [50.0, 30.0, 0.0]]).double(),
    )
    half, p = interval(errors)
    assert half[:2].tolist() == pytest.approx([0.06 * stats.t.ppf(0.975, 50), 0.04 * stats.t.ppf(0.975, 30)])
    assert p[:2].tolist() == pytest.approx([2 * stats.t.sf(0.1 / 0.06, 50), 2 * stats.t.sf(0.1 / 0.04, 30)])
    assert math.isnan(half[2])
    assert math.isnan(p[2])


def test_crossed_is_satterthwaites_sum() -> None:
    errors = StandardErrors(
        torch.tensor(0.1).double(), torch.tensor([0.03, 0.05]).double(), torch.tensor([8.0, 19.0]).double()
    )
    means = torch.tensor([0.05, 0.10, 0.18], dtype=torch.float64)
    found = crossed(errors, means)
    seed = means.var().item() / 3
    for i, (se, df) in enumerate([(0.03, 8.0), (0.05, 19.0)]):
        v = se**2 + seed
        assert float(found.se[i]) == pytest.approx(math.sqrt(v))
        assert float(found.df[i]) == pytest.approx(v**2 / (seed**2 / 2 + se**4 / df))
    same(crossed(errors, means[:1].expand(3)), errors)  # seeds that agree leave the classes' own
    assert math.isnan(interval(crossed(undefined(errors.mean), means))[0])
    with pytest.raises(UserError, match="2 training seeds: an interval over trainings needs 3"):
        crossed(errors, means[:2])


@pytest.mark.parametrize("noise", [0.02, 0.3], ids=["classes matter most", "episodes matter most"])
@pytest.mark.parametrize("seeds", [3, 5])
def test_level_and_coverage_where_the_truth_is_known(seeds: int, noise: float) -> None:
    """2,000 pools of 30 classes with a true mean of 0. A 95 % interval misses it in about 5 % of them where classes
    matter most, and in fewer where the noise of 400 episodes does: the estimate is conservative there. Where classes
    matter, an interval over episodes, or one that leaves out seeds with effects of their own, misses it far more often.
    """
    made = torch.Generator().manual_seed(1)
    tries, episodes, count, way = 2000, 400, 30, 5
    classes = torch.stack([torch.randperm(count, generator=made)[:way] for _ in range(episodes)])

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=made, dtype=torch.float64)

    def rejected(errors: StandardErrors) -> float:
        return float((interval(errors)[1] < 0.05).double().mean())

    y = 0.1 * normal(tries, count)[:, classes].mean(2) + noise * normal(tries, episodes)
    by_seed = y.unsqueeze(1) + 0.05 * normal(tries, seeds, 1)
    alone, together = class_jackknife(y, classes), class_jackknife(by_seed.mean(1), classes)
    both = crossed(together, by_seed.mean(2))
    assert rejected(alone) < 0.07
    assert rejected(both) < 0.07
    if noise < 0.1:
        assert rejected(together) > 0.15
        assert rejected(alone) > 0.03
        assert rejected(both) > 0.02
        halves = torch.tensor([mean_interval(one).half for one in y], dtype=torch.float64)
        assert float((y.mean(1).abs() > halves).double().mean()) > 0.3


def test_turns_of_a_character_are_one_observation() -> None:
    """800 pools of 20 characters in four turns that share their character's effect, true mean 0: an interval that
    counts 80 classes misses it in over a fifth of the pools, one that counts 20 characters in about 5 %."""
    made = torch.Generator().manual_seed(2)
    tries, episodes = 800, 600
    classes = torch.stack([torch.randperm(80, generator=made)[:5] for _ in range(episodes)])
    of_character = torch.randn(tries, 20, generator=made, dtype=torch.float64).repeat_interleave(4, 1)
    effects = 0.1 * of_character + 0.03 * torch.randn(tries, 80, generator=made, dtype=torch.float64)
    y = effects[:, classes].mean(2) + 0.02 * torch.randn(tries, episodes, generator=made, dtype=torch.float64)

    def rejected(ids: Tensor) -> float:
        return float((interval(class_jackknife(y, ids))[1] < 0.05).double().mean())

    assert rejected(classes) > 0.2
    assert 0.03 < rejected(classes // 4) < 0.07


def test_what_is_constant() -> None:
    _, classes = drawn(100, 20, 5)
    for value, p in ((0.0, 1.0), (0.2, 0.0)):
        y = torch.full((100,), value)
        for errors in (
            class_jackknife(y, classes),
            leave_one_way_out(y, y.unsqueeze(1).expand(100, 5), classes),
            crossed(class_jackknife(y, classes), y[:3]),
            class_jackknife(y, torch.arange(5).expand(100, 5)),
        ):
            assert [float(x) for x in interval(errors)] == [0.0, p]


def test_where_it_is_undefined() -> None:
    y, everything = drawn(100, 10, 10)
    assert math.isnan(interval(class_jackknife(y, everything))[0])
    assert "all 10 classes" in undefined_reason(everything, has_without=False)
    assert not undefined_reason(everything, has_without=True)
    always = torch.cat([torch.zeros(100, 1, dtype=torch.int64), 1 + drawn(100, 20, 4)[1]], 1)
    assert math.isnan(interval(class_jackknife(y, always))[1])
    assert "in all episodes" in undefined_reason(always, has_without=True)
    # No class changes the mean although episodes differ: no spread of classes to be seen, not a spread of 0.
    pairs = torch.tensor([[0, 1], [0, 2], [1, 2]]).repeat(4, 1)
    flat = class_jackknife(torch.tensor([0.0] * 6 + [1.0] * 6), pairs)
    assert math.isnan(interval(flat)[0])
    copies = everything // 2
    assert math.isnan(interval(new_class_errors(y, copies, y.unsqueeze(1).expand(100, 10)))[0])
    assert "copies of one another" in undefined_reason(copies, has_without=True)
    one = torch.zeros(100, 1, dtype=torch.int64)
    assert math.isnan(interval(new_class_errors(y, one, y.unsqueeze(1)))[0])
    assert "one class" in undefined_reason(one, has_without=True)


def test_few_episodes_give_the_raw_estimate() -> None:
    y, classes = drawn(59, 30, 5)
    found = class_jackknife(y, classes)
    assert found.se[0] == found.se[1]
    assert found.df.tolist() == [29, 29]
    y, classes = drawn(60, 30, 5)
    assert class_jackknife(y, classes).se[0] < class_jackknife(y, classes).se[1]


def test_the_choice_of_estimate() -> None:
    y, classes = drawn(100, 10, 10)
    without = y.unsqueeze(1) + 0.1 * torch.randn(100, 10, generator=torch.Generator().manual_seed(0))
    same(new_class_errors(y, classes, without), leave_one_way_out(y, without, classes))
    y, classes = drawn(100, 11, 10)
    same(new_class_errors(y, classes, without), class_jackknife(y, classes))


def test_refusals() -> None:
    y, classes = drawn(50, 10, 5)
    with pytest.raises(UserError, match="same E"):
        class_jackknife(y[:-1], classes)
    with pytest.raises(UserError, match="2 or more"):
        class_jackknife(y[:1], classes[:1])
    with pytest.raises(UserError, match=r"need shape \(50, 5\)"):
        leave_one_way_out(y, torch.zeros(50, 4), classes)


@pytest.mark.parametrize("way", [5, 20])
def test_fast_enough_for_every_cell_of_a_table(way: int) -> None:
    """0.2 s is the limit for 2,000 episodes of 506 classes; many differences of the same episodes share the work."""
    y, classes = drawn(2000, 506, way)
    differences = y + torch.randn(66, 2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for values in (y, differences):
        interval(class_jackknife(values, classes))
        times = []
        for _ in range(5):
            began = time.perf_counter()
            interval(class_jackknife(values, classes))
            times.append(time.perf_counter() - began)
        assert min(times) < 0.2
