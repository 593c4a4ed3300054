"""A real Ray cluster on this machine: the rows of the serial run, a killed worker's run starts again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import metaclr
from metaclr.comparison import plan as make_plan
from metaclr.recipe import resolve
from tests.metaclr.comparison import dying, small
from tests.metaclr.comparison.cluster import local_cluster

ray = pytest.importorskip("ray")
on_ray = pytest.importorskip("metaclr.comparison.launching.on_ray")

METHODS = {"dies": dying.METHOD, "protonet": "protonet"}


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of two workers; the file into which the method that is killed writes."""
    path = tmp_path_factory.mktemp("lives") / "steps"
    os.environ[dying.LIVES] = str(path)  # workers inherit it
    with local_cluster():
        del os.environ[dying.LIVES]
        ray.cloudpickle.register_pickle_by_value(dying)  # a worker's path may have another package `tests`
        yield path


def compare(out: Path, **arguments: Any) -> metaclr.Comparison:
    return metaclr.compare(
        "glyphs",
        methods=METHODS,  # type: ignore[arg-type]
        sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")},
        out=out,
        device="cpu",
        overrides=[*small.SETTINGS, "train.checkpoint_seconds=0.001"],
        quiet=True,
        **arguments,
    )


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> metaclr.Comparison:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker with one core has
    try:
        return compare(tmp_path_factory.mktemp("serial") / "out")
    finally:
        torch.set_num_threads(threads)


def test_a_killed_worker_changes_no_row(lives: Path, serial: metaclr.Comparison, tmp_path: Path) -> None:
    result = compare(tmp_path / "out", ray="local")
    assert not result.failures
    varying = ["train_seconds", "environment"]
    pd.testing.assert_frame_equal(
        result.rows.drop(columns=varying), serial.rows.drop(columns=varying), check_exact=True
    )
    steps = lives.read_text().split()
    assert len(set(steps)) == 2  # one worker was killed, another went on
    assert dying.LAST < len(steps) <= 8  # from the checkpoint, not from the start: 6 steps, and what was cut off
    there = [{str(p.relative_to(f.folder)) for p in f.folder.rglob("*")} for f in (result, serial)]
    assert there[0] == there[1]
    marks = {p: p.stat().st_mtime_ns for p in result.folder.rglob("done.json")}
    again = compare(tmp_path / "out", ray="local")
    assert {p: p.stat().st_mtime_ns for p in result.folder.rglob("done.json")} == marks
    pd.testing.assert_frame_equal(again.rows, result.rows)


def test_a_node_without_the_folder_sends_its_files_home(lives: Path, tmp_path: Path) -> None:
    planned = make_plan(
        resolve({"sources": ["a"], "targets": ["b"], "methods": ["simclr"]}, small.SETTINGS),
        tmp_path / "out",
        device=torch.device("cpu"),
        images={"a": small.stripes(name="a"), "b": small.stripes(6, name="b")},
    )
    run = next(c for c in planned.runs if c.method.name == "simclr")
    away = replace(planned, out=tmp_path / "elsewhere")  # a folder that the worker does not see
    outcome = ray.get(ray.remote(on_ray._do).remote(away, run, ".ray-0123"))
    assert (outcome.failure, outcome.error) == ("", "")
    assert not (tmp_path / "elsewhere").exists()
    assert not list(Path(tempfile.gettempdir()).glob("metaclr.ray-0123*"))
    on_ray._bring_home(planned.folder(run), outcome.files)
    names = {p.name for p in planned.folder(run).iterdir()}
    assert names == {
        *("checkpoint.pt", "curve.csv", "rows.csv", "inputs.json", "done.json"),
        *("per_item.npz", "episode_classes.npz"),
    }
    assert run.name not in {c.name for c in on_ray.unfinished(planned)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"ray": "127.0.0.1:1", "jobs": 2}, "both execute runs side by side"),
        ({"ray": " "}, "the address of a cluster"),
        ({"ray": "local", "overrides": ["cluster.cpus=999"]}, "no node of the Ray cluster has them"),
        ({"ray": "local", "overrides": ["cluster.gpus=3"]}, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(lives: Path, tmp_path: Path, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(metaclr.UserError, match=says):
        metaclr.compare(
            "glyphs",
            methods=["simclr"],
            sources={"source": small.stripes(name="ours")},
            targets={"target": small.stripes(6, 16, name="theirs")},
            out=tmp_path / "out",
            quiet=True,
            **{**arguments, "overrides": [*small.SETTINGS, *arguments.get("overrides", ())]},
        )


def test_a_silent_address_is_refused_at_once() -> None:
    with pytest.raises(metaclr.UserError, match=r"--ray 127.0.0.1:1: no cluster answers there"):
        on_ray._check_answers("127.0.0.1:1")
