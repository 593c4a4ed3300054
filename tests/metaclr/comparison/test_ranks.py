"""Real ranks under torchrun: the same loss, the same episodes and the same rows as one process; one of them writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import metaclr
from metaclr.engine.training_curve import read
from tests.metaclr.comparison.launch import torchrun

# SGD in float32: Adam divides by the gradient's size, so it makes a step of what is only rounding.
RECIPE = """
name = "tiny"
sources = ["digits"]
targets = ["digits"]
methods = ["simclr", "protonet"]
size = 16
encoder = { options = { width = 8 } }
train = { steps = 4, batch_views = 32, log_every = 2, optimizer = "sgd", lr = 0.01, precision = "fp32" }

[evaluate]
few_shot = { ways = [5], shots = [1, 2], query = 5, episodes = 100 }
low_label = { fractions = [], per_class = [2], steps = 3 }
"""
CONTROLS = ("untrained", "pixels")
# Adam, the default, for 20 steps: a prototype head, a ridge head with learned scale, a queue, and clusters.
EXACT = """
name = "exact"
sources = ["digits"]
targets = ["digits"]
methods = ["simclr", "protonet", "r2d2", "moco", "cactus"]
size = 16
encoder = { options = { width = 8 } }
train = { steps = 20, batch_views = 40, log_every = 2, precision = "fp64" }

[evaluate]
few_shot = { ways = [5], shots = [1, 2], query = 5, episodes = 100 }
low_label = { fractions = [], per_class = [2], steps = 3 }
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, subprocess.CompletedProcess[str]]:
    """The folder of one process, the folder of two ranks, and the output of the two."""
    return both(tmp_path_factory.mktemp("ranks"), RECIPE)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of one process and of two ranks, all in float64."""
    return both(tmp_path_factory.mktemp("exact"), EXACT)[:2]


def both(base: Path, recipe: str) -> tuple[Path, Path, subprocess.CompletedProcess[str]]:
    """A recipe by one process and by two ranks."""
    (base / "tiny.toml").write_text(recipe)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a rank has
    try:
        metaclr.compare(base / "tiny.toml", out=base / "one", device="cpu", quiet=True)
    finally:
        torch.set_num_threads(threads)
    done = torchrun("compare", str(base / "tiny.toml"), "--out", str(base / "two"), "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return base / "one", base / "two", done


def test_two_ranks_give_the_rows_of_one_process(folders: tuple[Path, Path, object]) -> None:
    one, two = (pd.read_csv(folder / "rows.csv") for folder in folders[:2])
    numbers = ["value", "ci95", "ci95_episodes"]
    pd.testing.assert_frame_equal(
        one.drop(columns=["train_seconds", *numbers]), two.drop(columns=["train_seconds", *numbers]), check_exact=True
    )
    fixed = one.method.isin(CONTROLS)
    pd.testing.assert_frame_equal(one[fixed][numbers], two[fixed][numbers], check_exact=True)
    # Weights that differ in the sixth digit may turn an image or two of the 899 in 100 %.
    assert (one.value - two.value).abs().max() < 0.25


def test_two_ranks_measure_the_same_items(folders: tuple[Path, Path, object]) -> None:
    names = sorted(p.name for p in (folders[0] / "per_item").iterdir())
    assert names == sorted(p.name for p in (folders[1] / "per_item").iterdir())
    for name in names:
        one, two = (np.load(folder / "per_item" / name) for folder in folders[:2])
        assert one.files == two.files
        for key in one.files:
            assert one[key].shape == two[key].shape
            if name.startswith(CONTROLS):
                np.testing.assert_array_equal(one[key], two[key])


def test_two_ranks_train_as_one_process(folders: tuple[Path, Path, object]) -> None:
    for method in ("simclr", "protonet"):
        runs = [folder / "runs" / f"{method}-digits-s0" for folder in folders[:2]]
        for first, second in zip(*(read(run / "curve.csv") for run in runs), strict=True):
            for name in first.keys() - {"views_per_second"}:
                assert first[name] == pytest.approx(second[name], abs=1e-5), (method, name)
        one, two = (torch.load(run / "checkpoint.pt", weights_only=True)["learner"] for run in runs)
        for name in one:
            torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-4, msg=f"{method} {name}")


def test_in_float64_trained_rows_are_the_same_to_the_last_digit(exact: tuple[Path, Path]) -> None:
    """What two ranks and one process differ by is rounding: with 29 more bits nothing of it reaches a row."""
    one, two = (pd.read_csv(folder / "rows.csv").drop(columns="train_seconds") for folder in exact)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert set(one[~one.method.isin(CONTROLS)].evaluator) == {
        "few-shot",
        "few-shot method",
        "linear",
        "knn",
        "low-label frozen",
        "low-label finetune",
    }
    assert one.protocol.str.contains("=fp64").all()  # everything was computed in it
    items = [{p.name: p.read_bytes() for p in (folder / "per_item").iterdir()} for folder in exact]
    assert items[0] == items[1]


def test_in_float64_two_ranks_train_as_one_process(exact: tuple[Path, Path]) -> None:
    for run in (f"{method}-digits-s0" for method in ("simclr", "protonet", "r2d2", "moco", "cactus")):
        curves = [read(folder / "runs" / run / "curve.csv") for folder in exact]
        assert len(curves[0]) == 10
        for first, second in zip(*curves, strict=True):
            for name in first.keys() - {"views_per_second"}:
                assert first[name] == pytest.approx(second[name], abs=1e-10), (run, name)


def test_one_rank_writes_and_speaks(folders: tuple[Path, Path, subprocess.CompletedProcess[str]]) -> None:
    one, two, done = folders
    there = [{str(p.relative_to(f)) for p in f.rglob("*")} for f in (one, two)]
    assert there[0] == there[1]
    for path in (one / "episodes").iterdir():
        assert path.read_bytes() == (two / "episodes" / path.name).read_bytes()
    assert len([line for line in done.stdout.splitlines() if line.startswith("report.html")]) == 1
    assert done.stderr.count("simclr, seed 0") == 1


def test_a_budget_that_ranks_cannot_share_is_refused_once(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    out = tmp_path / "out"
    done = torchrun("compare", str(tmp_path / "tiny.toml"), "--out", str(out), "--set", "train.batch_views=30")
    errors = [line for line in done.stderr.splitlines() if line.startswith("metaclr:")]
    assert errors == [
        "metaclr: train.batch_views = 30: method 'simclr' makes 15 ways of them, which cannot be "
        "divided evenly among 2 ranks"
    ]
    assert done.returncode != 0
    assert "exitcode  : 2" in done.stderr
    assert not out.exists()
