"""A walk carried out by two ranks, or over a Ray cluster, is the walk of one process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import metaclr
from metaclr.results.store.walk import read_walk
from tests.metaclr.comparison import small
from tests.metaclr.comparison.cluster import local_cluster
from tests.metaclr.comparison.launch import torchrun

# In float64 what differs between two ranks and one process reaches no row.
RECIPE = """
name = "tiny"
sources = ["digits"]
targets = ["digits"]
size = 16
encoder = { options = { width = 8 } }
train = { steps = 8, batch_views = 32, log_every = 2, precision = "fp64" }

[evaluate]
few_shot = { ways = [5], shots = [1], query = 5, episodes = 100 }
linear = false
knn = false
low_label = false
"""


@contextmanager
def one_thread() -> Iterator[None]:
    """As a rank or a worker with one core has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def test_two_ranks_walk_as_one_process(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    one, two = tmp_path / "one", tmp_path / "two"
    with one_thread():
        metaclr.bridge_walk("simclr", "infonce", recipe, out=one, device="cpu", quiet=True)
    done = torchrun("bridge", "simclr", "infonce", str(recipe), "--out", str(two), "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("report.html")]) == 1
    assert done.stderr.count("simclr, seed 0") == 1
    there = [{str(p.relative_to(f)) for p in f.rglob("*")} for f in (one, two)]
    assert there[0] == there[1]
    rows = [pd.read_csv(folder / "rows.csv").drop(columns="train_seconds") for folder in (one, two)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    for path in (one / "tables").glob("bridge*"):
        assert path.read_bytes() == (two / "tables" / path.name).read_bytes()
    first, second = (json.loads((folder / "bridge.json").read_text())["measures"] for folder in (one, two))
    assert first.keys() == second.keys() == {"simclr", "infonce", "untrained", "pixels"}
    for title, measured in first.items():
        for name, value in measured.items():  # the loss at chance, too, is that of the whole batch
            assert second[title][name] == pytest.approx(value, abs=1e-10), (title, name)


def test_a_cluster_walks_as_one_process(tmp_path: Path) -> None:
    pytest.importorskip("ray")

    def walk(name: str, **how: Any) -> metaclr.Comparison:
        return metaclr.bridge_walk(
            "simclr",
            "infonce",
            source={"source": small.stripes(20, 12, name="ours")},
            targets={"target": small.stripes(6, 16, name="theirs")},
            seeds=[0],
            out=tmp_path / name,
            device="cpu",
            overrides=[line for line in small.SETTINGS if "low_label" not in line],
            quiet=True,
            **how,
        )

    with one_thread():
        serial = walk("one")
    with local_cluster():
        spread = walk("two", ray="local")
        with pytest.raises(metaclr.UserError, match="both execute runs side by side"):
            walk("three", ray="local", jobs=2)
    assert not spread.failures
    assert not (tmp_path / "three").exists()
    varying = ["train_seconds", "environment"]
    pd.testing.assert_frame_equal(
        spread.rows.drop(columns=varying), serial.rows.drop(columns=varying), check_exact=True
    )
    assert read_walk(spread.folder) == read_walk(serial.folder)
    there = [{str(p.relative_to(f.folder)) for p in f.folder.rglob("*")} for f in (spread, serial)]
    assert there[0] == there[1]
