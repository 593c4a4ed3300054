"""Safe rankings, evaluators that agree, hard episodes: against normal theory, null methods, loops, stored folders."""

from __future__ import annotations

from collections.abc import Callable
from math import atanh, sqrt, tanh
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from scipy.stats import spearmanr

from episodes import EpisodeTable, ImageSet
from metaclr.evaluation.class_similarity import class_similarity, similarities
from metaclr.evaluation.target import Target
from metaclr.results.figures.agreement import agreement_figures
from metaclr.results.figures.difficulty import difficulty_figures
from metaclr.results.figures.heads import heads_figures
from metaclr.results.figures.ranking import ranking_figures
from metaclr.results.figures.style import style
from metaclr.results.scores.agreement import agreement
from metaclr.results.scores.difficulty import correlations
from metaclr.results.scores.heads import heads_contrasts
from metaclr.results.scores.ranking import rankings
from metaclr.results.scores.repetition import components, repetitions
from metaclr.results.scores.summary import summarise
from metaclr.results.scores.unanswered import unanswered
from metaclr.results.store.folder import About, Results, collect, load
from metaclr.results.tables.all_tables import build_tables
from metaclr.results.tables.heads import heads_table


def differing(
    rng: np.random.Generator, mean: float, sd: tuple[float, float, float], seeds: int, episodes: int
) -> np.ndarray:
    """(2, S, E): the difference of the two methods is mean + training + episode + rest."""
    a, b, c = sd
    d = (
        mean
        + a * rng.normal(size=(seeds, 1))
        + b * rng.normal(size=(1, episodes))
        + c * rng.normal(size=(seeds, episodes))
    )
    common = rng.normal(size=(seeds, episodes))
    return np.stack([60 + common + d, 60 + common])


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_probabilities_are_those_of_normal_theory(mean: float) -> None:
    rng, sd = np.random.default_rng(1), (0.6, 8.0, 3.0)
    found: dict[tuple[int, int], list[float]] = {}
    for _ in range(150):
        for one in repetitions(differing(rng, mean, sd, 6, 400), [50, 200], draws=40):
            if one.trainings:
                found.setdefault((one.episodes, one.trainings), []).append(one.mean)
    assert set(found) == {(n, r) for n in (50, 200) for r in (1, 2, 3)}
    for (n, r), values in found.items():
        p = float(ndtr(mean / sqrt(sd[0] ** 2 / r + sd[1] ** 2 / n + sd[2] ** 2 / (n * r))))
        assert np.mean(values) == pytest.approx(p * p + (1 - p) ** 2, abs=0.045)
        assert mean or np.mean(values) == pytest.approx(0.5, abs=0.045)


def test_methods_that_do_not_differ_have_one_half() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(60, 9, (1, 3, 1000))
    same = repetitions(np.concatenate([y, y]), [500])  # the same method twice
    assert all(0.42 < one.mean < 0.58 for one in same)
    # Names shuffled within each training and episode: a real difference becomes none.
    pair = differing(rng, 5.0, (1.0, 8.0, 3.0), 4, 400)
    means = []
    for _ in range(100):
        swap = rng.random(pair.shape[1:]) < 0.5
        shuffled = np.where(swap, pair, pair[::-1])
        means += [one.mean for one in repetitions(shuffled, [200], draws=20)]
    assert np.mean(means) == pytest.approx(0.5, abs=0.05)
    sure = repetitions(pair + np.array([40.0, 0.0])[:, None, None], [50, 200])
    assert {(one.mean, one.best, one.whole) for one in sure} == {(1.0, 1.0, 1.0)}


def test_variances_and_what_it_takes() -> None:
    rng = np.random.default_rng(3)
    d = differing(rng, 1.0, (0.5, 8.0, 3.0), 400, 1000)
    found = components(d[0] - d[1])
    assert found.between_seeds == pytest.approx(0.25, rel=0.25)
    assert found.episodes == pytest.approx(64, rel=0.15)
    assert found.rest == pytest.approx(9, rel=0.03)
    needed = found.episodes_needed(1)
    assert needed is not None
    assert found.agreement(needed, 1) >= 0.95 > found.agreement(needed - 1, 1)
    # Without bias: the mean estimate of the square of a mean that is 0 is near 0 before it is cut off.
    null = [components(rng.normal(0, 9, (1, 400))).squared_mean for _ in range(300)]
    assert np.mean(null) < 81 / 400
    assert components(np.zeros((3, 50))).agreement(50, 1) == 0.5
    assert components(np.zeros((1, 50))).episodes_needed() is None


def test_rank_correlation_and_its_interval() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=9)
    y = x + rng.normal(size=9)
    found = agreement(x.tolist(), y.tolist())
    rho = float(spearmanr(x, y).statistic)
    assert found.rho == pytest.approx(rho)
    half = 1.96 * sqrt((1 + rho**2 / 2) / 6)
    assert (found.low, found.high) == pytest.approx((tanh(atanh(rho) - half), tanh(atanh(rho) + half)), abs=1e-4)
    assert agreement([1, 1, 1, 1], [1, 2, 3, 4]).rho is None
    same = agreement([1, 2, 3, 4], [5, 6, 7, 9])
    assert (same.rho, same.low) == (pytest.approx(1), None)


def test_correlation_with_difficulty_by_loops() -> None:
    rng = np.random.default_rng(5)
    classes = rng.random((300, 12)).argsort(1)[:, :3]
    x = rng.normal(size=300)
    y = np.stack([x + rng.normal(size=300), np.full(300, 0.5)])
    (r, low, high), constant = correlations(x, y, classes)
    assert constant == (None, None, None)
    assert r == pytest.approx(float(np.corrcoef(x, y[0])[0, 1]))
    z = [
        atanh(np.corrcoef(x[keep], y[0][keep])[0, 1])
        for c in range(12)
        if len(keep := (classes != c).all(1).nonzero()[0])
    ]
    error = sqrt(11 / 12 * np.square(z - np.mean(z)).sum())
    assert (low, high) == pytest.approx((tanh(atanh(r) - 2.201 * error), tanh(atanh(r) + 2.201 * error)), abs=1e-4)


def test_similarity_of_the_classes_of_an_episode() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(5).repeat(8)
    pixels = torch.randint(0, 256, (40, 1, 6, 6), dtype=torch.uint8, generator=generator)
    pixels[labels == 1] = pixels[labels == 0]  # two classes that look the same
    images = ImageSet(pixels, labels)
    cosines = class_similarity(images)
    assert float(cosines[0, 1]) == pytest.approx(1, abs=1e-5)
    means = torch.stack([pixels[labels == c].double().mean(0).flatten() for c in range(5)])
    means -= means.mean(0)
    pick = torch.stack([torch.randperm(5, generator=generator)[:3] for _ in range(500)])
    table = EpisodeTable(pick.unsqueeze(2), pick.unsqueeze(2) + 5, images.fingerprint(), 0)
    (stored,) = similarities([Target("own", images, (table,))]).values()
    for e in range(0, 500, 100):
        pairs = [(int(a), int(b)) for i, a in enumerate(pick[e]) for b in pick[e][i + 1 :]]
        by_hand = [float(torch.cosine_similarity(means[a], means[b], 0)) for a, b in pairs]
        assert stored[e] == pytest.approx(np.mean(by_hand), abs=1e-5)
    short = EpisodeTable(table.support[:499], table.query[:499], table.fingerprint, 0)
    assert similarities([Target("own", images, (short,))]) == {}


def test_tables_and_figures_of_a_folder(comparison: Callable[..., Path]) -> None:
    methods = ("simclr", "infonce", "protoclr", "r2d2", "protonet", "untrained")
    settings = [("few-shot", way, 1, "1 per way") for way in (5, 20)] + [("knn", None, None, "all")]
    folder = comparison(methods=methods, targets=("digits",), seeds=(0, 1, 2), settings=settings)
    ids = load(folder).episode_classes.classes["d1digits"]
    x = ids.mean(1) / 60
    collect(folder, similarity={"d1digits": x.astype(np.float32)})
    results = load(folder)
    summary = summarise(results)
    assert unanswered(results, summary) == []
    tables = {table.name: table for table in build_tables(results)}
    (ranking,), _ = rankings(summary)
    assert ranking.methods[0] in ("protoclr", "r2d2")
    assert "untrained" not in ranking.methods
    by_probability = {r["better"]: r["probability"] for r in tables["ranking"].records if r["episodes"] == 500}
    assert by_probability["mean of pairs"] > 0.7
    (block,) = tables["evaluators"].lay(6)
    assert [line.label for line in block.lines] == ["20-way 1-shot", "kNN"]
    (difficulty,) = tables["difficulty"].lay(6)
    assert [line.label for line in difficulty.lines] == list(methods)
    with style():
        drawn = [*ranking_figures(summary), *agreement_figures(summary), *difficulty_figures(results, summary)]
    assert [figure.name for figure in drawn] == ["ranking", "evaluators", "difficulty"]
    assert all(len(figure.png) > 8000 for figure in drawn)
    one = Results(tuple(row for row in results.rows if row.method == "simclr"))
    reasons = unanswered(one, summarise(one))
    assert [line.split(":")[0] for line in reasons] == [
        "How safe the ranking is",
        "Whether evaluators rank methods alike",
        "Whether episodes of classes that look alike are harder",
    ]


def test_few_shot_heads_minus_contrastive_heads(comparison: Callable[..., Path]) -> None:
    family = {"simclr": "contrastive", "protoclr": "unsupervised-few-shot", "r2d2": "unsupervised-few-shot",
              "supcon": "supervised", "byol": "predictive", "protonet": "few-shot"}  # fmt: skip
    about = About(methods={m: {"family": name} for m, name in family.items()})
    results = load(
        comparison(
            methods=tuple(family), sources=("glyphs:source", "omniglot"), targets=("glyphs:held-out", "digits"),
            seeds=(0, 1, 2), settings=[("few-shot", 5, 1, "1 per way")], about=about,
        )
    )  # fmt: skip
    summary = summarise(results)
    without, with_labels = heads_contrasts(results, summary)
    assert (without.few_shot, without.contrastive) == (("protoclr", "r2d2"), ("simclr",))
    assert (with_labels.few_shot, with_labels.contrastive) == (("protonet",), ("supcon",))
    assert len(without.differences) == 4
    value = {m: np.mean([r.value for r in results.rows if (r.method, r.source, r.target) == (m, "omniglot", "digits")])
             for m in family}  # fmt: skip
    found = without.differences["omniglot", "digits"]
    assert found.value == pytest.approx((value["protoclr"] + value["r2d2"]) / 2 - value["simclr"], abs=1e-4)
    assert found.about_methods
    assert found.significant(0.05)
    table = heads_table(results, summary)
    assert table is not None
    assert "significantly above in 4 of 4" in " ".join(table.notes)
    with style():
        (figure,) = heads_figures(results, summary)
    assert "protoclr, r2d2 minus simclr" in figure.caption
