"""Tests keep their level on shuffled labels and intervals cover new classes: the benchmark script, short."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

import pytest

from metaclr.data import load
from metaclr.evaluation.new_classes import new_class_errors
from metaclr.evaluation.standard_errors import interval

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results" / "benchmarks" / "few_shot_intervals"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "benchmarks" / "few_shot_intervals.py"
    spec = spec_from_file_location("few_shot_intervals", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pools(script: ModuleType) -> dict[str, Any]:
    nets = script.encoders(seeds=1, steps=(40,))
    return {name: script.embed(load(name), nets) for name in ("glyphs:held-out", "digits")}


@pytest.fixture(scope="module")
def seeds(script: ModuleType) -> Any:
    """Half of the glyphs' classes, as six untrained encoders see them."""
    return script.embed(load("glyphs:held-out").only_classes(range(0, 506, 2)), script.encoders(seeds=6, steps=()))


def test_on_shuffled_labels_no_more_than_the_level_is_found(script: ModuleType, pools: dict[str, Any]) -> None:
    rows = script.false_positives(pools, [("simclr-40", "untrained")], shuffles=25, episodes=1100)
    assert len(rows) == 6
    assert mean(row["new_classes"] for row in rows) <= 7  # of 150 tries
    assert all(row["new_classes"] <= 20 for row in rows)  # 6 of 25 at a level of 5 % have a probability of 0.1 %
    assert mean(row["episode_t"] for row in rows if row["way"] == 20) > 17


def test_on_true_labels_training_is_found(script: ModuleType, pools: dict[str, Any]) -> None:
    outcome = script.evaluate(pools["glyphs:held-out"], 20, 5, 1100, 0, ("simclr-40", "untrained"))
    y, _ = outcome.differences([("simclr-40", "untrained")])
    assert float(interval(new_class_errors(y, outcome.classes))[1]) < 1e-9


def test_intervals_cover_the_value_over_all_classes(script: ModuleType, seeds: Any) -> None:
    pairs = [("untrained", ""), ("untrained-1", "untrained")]
    rows = script.coverage(seeds, pairs, 25, partitions=20, episodes=1000, tasks=((5, 5),))
    assert [row["pools"] for row in rows] == [200, 200]
    for row in rows:
        assert 92 <= row["new_classes"] <= 98
        assert row["episode_t"] < 60


def test_two_groups_of_equal_seeds_are_not_told_apart(script: ModuleType, seeds: Any) -> None:
    """Six encoders have ten splits into two groups of three, so this is rough; the long run has 324 of twelve, and
    `test_class_jackknife` simulates thousands."""
    (row,) = script.seeds_null(seeds, 3, 50, splits=12, episodes=1000)
    assert row["splits"] == 60
    assert row["crossed"] <= 20
    assert row["episode_t"] > 3 * row["crossed"]
    assert row["episode_t"] > 30


def test_the_committed_figures_keep_their_mark(script: ModuleType) -> None:
    report = json.loads((COMMITTED / "few_shot_intervals.json").read_text())
    assert not report["quick"]
    assert {(r["pool"], r["way"], r["shot"]) for r in report["false_positives"]} >= {
        *(("glyphs:held-out", way, shot) for way in (5, 20) for shot in (1, 5)),
        *(("60 Omniglot classes", way, shot) for way in (5, 20) for shot in (1, 5)),
        *(("digits", 5, shot) for shot in (1, 5)),
    }
    assert all(row["shuffles"] >= 200 for row in report["false_positives"])
    assert script.check(report) == []
    assert all(row["counting_classes"] < row["counting_characters"] for row in report["turned"])
    for part in ("false_positives", "coverage", "seeds", "turned"):
        with (COMMITTED / f"{part}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows == [{key: str(value) for key, value in row.items()} for row in report[part]]


def test_the_figures_are_drawn_from_the_committed_results(tmp_path: Path) -> None:
    drawn = [sys.executable, str(ROOT / "benchmarks" / "few_shot_interval_figures.py"), "--out", str(tmp_path)]
    subprocess.run(drawn, check=True, env={"PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path / "mpl")})
    for name in ("false_positives", "coverage"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert (ROOT / "docs" / "few_shot_intervals" / f"{name}.png").is_file()
