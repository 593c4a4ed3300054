"""A run that fails is one run: the others finish, its reason is in the table, its traceback in its folder."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import metaclr
from metaclr.comparison import plan as make_plan
from metaclr.comparison.folders.run_folder import adopt_renamed, check_inputs, finished, write_inputs
from metaclr.comparison.launching import parallel
from metaclr.errors import UserError
from metaclr.methods import Method, get
from metaclr.recipe import resolve
from tests.metaclr.comparison import dying, small


def compare(out: Path, *overrides: str, **arguments: Any) -> metaclr.Comparison:
    return metaclr.compare(
        "glyphs",
        sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")},
        out=out,
        device="cpu",
        overrides=[*small.SETTINGS, "train.compile=off", "evaluate.low_label=false", *overrides],
        quiet=True,
        **arguments,
    )


def raising(error: Callable[[], BaseException]) -> Method:
    """A method whose training step raises; building it is fine."""

    class Raises(dying.Dies):
        def forward(self, *_: object) -> Any:
            raise error()

    def build(encoder: Any, method: Method, *, seed: int, settings: Mapping[str, Any]) -> torch.nn.Module:
        learner = dying.build(encoder, method, seed=seed, settings=settings)
        learner.__class__ = Raises
        return learner

    return replace(get("simclr"), learner=build)


def test_a_method_that_raises_is_one_failed_run(tmp_path: Path) -> None:
    methods = {
        "own": raising(lambda: ZeroDivisionError("in my\ncode")),
        "memory": raising(MemoryError),
        "simclr": "simclr",
    }
    result = compare(tmp_path / "out", methods=methods)
    assert result.failures == {
        "own-source-s0": "ZeroDivisionError: in my code",
        "memory-source-s0": "out of memory; lower train.batch_views, size or encoder.options, or free some",
    }
    assert set(result.rows.method) == {"simclr", "untrained", "pixels"}
    trace = (result.folder / "runs" / "own-source-s0" / "error.txt").read_text()
    assert "Traceback" in trace
    assert "in my\ncode" in trace
    table = (result.folder / "tables" / "main.md").read_text()
    assert "Failed: own-source-s0: ZeroDivisionError: in my code" in table
    assert not list(result.folder.rglob(".metaclr.lock*"))
    # The next command executes the failed runs alone, and a success removes the traceback.
    marks = {p: p.stat().st_mtime_ns for p in result.folder.rglob("done.json")}
    (result.folder / "runs" / "simclr-source-s0" / "error.txt").write_text("of an earlier attempt")
    (result.folder / "runs" / "simclr-source-s0" / "per_item.npz").write_bytes(b"damaged")
    again = compare(tmp_path / "out", methods=methods)
    assert again.failures == result.failures
    assert not (result.folder / "runs" / "simclr-source-s0" / "error.txt").exists()
    columns = ["method", "value", "ci95"]
    assert again.rows[columns].equals(result.rows[columns])  # made again from the checkpoint
    changed = {p.parent.name for p, mark in marks.items() if p.stat().st_mtime_ns != mark}
    assert changed == {"simclr-source-s0"}


def test_a_full_disk_ends_the_comparison(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        compare(tmp_path / "out", methods={"own": raising(lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))})
    assert not list((tmp_path / "out").rglob(".metaclr.lock*"))


def test_a_lost_worker_is_one_failed_run_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = tmp_path / "lives"
    monkeypatch.setenv(dying.LIVES, str(lives))
    methods = [dying.__file__, "simclr"]  # a file with a learner
    checkpoints = "train.checkpoint_seconds=0.001"
    lost = compare(tmp_path / "out", checkpoints, methods=methods, jobs=2)
    assert lost.failures == {"dying-source-s0": parallel.LOST}
    assert set(lost.rows.method) == {"simclr", "untrained", "pixels"}
    rest = compare(tmp_path / "out", checkpoints, methods=methods)
    assert not rest.failures
    assert "dying" in set(rest.rows.method)
    assert len(lives.read_text().split()) <= 8  # 6 steps, and what was lost after the last checkpoint


def planned(out: Path, *overrides: str, label: str = "") -> metaclr.comparison.Plan:  # type: ignore[name-defined]
    tables = {"sources": ["a"], "targets": ["b"], "methods": [{"name": "simclr", "label": label}]}
    return make_plan(
        resolve(tables, [*small.SETTINGS, *overrides]),
        out,
        device=torch.device("cpu"),
        images={"a": small.stripes(name="a"), "b": small.stripes(6, 16, name="b")},
    )


@pytest.mark.parametrize("left", ["checkpoint.pt", "done.json"])
def test_changed_inputs_are_refused_by_name(tmp_path: Path, left: str) -> None:
    plan = planned(tmp_path / "out")
    run = plan.runs[0]
    write_inputs(plan.folder(run), plan.inputs(run))
    check_inputs(plan)
    other = replace(plan, sources={"a": small.stripes(name="another")})
    check_inputs(other)  # nothing was trained or finished in the folder
    (plan.folder(run) / left).write_bytes(b"")
    with pytest.raises(UserError, match="simclr-a-s0: the images of the source have changed"):
        check_inputs(other)
    recipe = plan.recipe.model_copy(update={"train": plan.recipe.train.model_copy(update={"lr": 0.5})})
    with pytest.raises(UserError, match=r"train.lr = 0.001 before, 0.5 now"):
        check_inputs(replace(plan, recipe=recipe))
    (plan.folder(run) / "inputs.json").write_text("{")
    check_inputs(plan)  # damaged: written again when the run executes


def test_a_folder_is_not_refused_for_a_setting_that_did_not_exist(tmp_path: Path) -> None:
    plan = planned(tmp_path / "out")
    run = plan.runs[0]
    older = plan.inputs(run)
    del older["evaluate"]["map"]
    write_inputs(plan.folder(run), older)
    (plan.folder(run) / "checkpoint.pt").write_bytes(b"")
    check_inputs(plan)
    evaluate = plan.recipe.evaluate.model_copy(update={"map": "umap"})
    with pytest.raises(UserError, match=r"evaluate.map = unset before, 'umap' now"):
        check_inputs(replace(plan, recipe=plan.recipe.model_copy(update={"evaluate": evaluate})))


def test_a_renamed_label_keeps_the_training(tmp_path: Path) -> None:
    plan = planned(tmp_path / "out")
    run = plan.runs[0]
    write_inputs(plan.folder(run), plan.inputs(run))
    renamed = planned(tmp_path / "out", label="my SimCLR")
    assert renamed.identity(renamed.runs[0]) == plan.identity(run)
    adopt_renamed(renamed)
    assert not plan.folder(run).exists()
    assert (renamed.folder(renamed.runs[0]) / "inputs.json").is_file()
    assert not finished(renamed.folder(renamed.runs[0]), renamed.digest(renamed.runs[0]))  # its rows need the new name


def test_more_steps_resume_and_the_report_says_so(tmp_path: Path) -> None:
    first = compare(tmp_path / "out", methods=["simclr"])
    more = compare(tmp_path / "out", "train.steps=9", methods=["simclr"])
    assert set(first.rows.steps) == {0, 6}
    assert set(more.rows.steps) == {0, 9}
    remarks = json.loads((more.folder / "about.json").read_text())["remarks"]
    assert any(
        "trained for 6, then 9 steps; its learning rate followed the cosine schedule" in line for line in remarks
    )
    with pytest.raises(UserError, match=r"train.steps = 9 before, 6 now"):
        compare(tmp_path / "out", methods=["simclr"])
