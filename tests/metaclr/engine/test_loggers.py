"""Curves and results in other loggers: the same numbers as curve.csv and rows.csv, and no training lost to one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import metaclr
from metaclr.engine import loggers
from metaclr.engine.training_curve import read
from metaclr.errors import UserError
from tests.metaclr.comparison import small


def compare(out: Path, *log: str, steps: int = 6) -> metaclr.Comparison:
    return metaclr.compare(
        "glyphs", methods=["simclr"], sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")}, out=out, device="cpu", quiet=True, log=log,
        overrides=[*small.SETTINGS, f"train.steps={steps}", "train.log_every=2", "evaluate.low_label=false"],
    )  # fmt: skip


class Recorded:
    """A logger that keeps what it is given."""

    started: list[tuple[str, int]] = []  # noqa: RUF012  shared on purpose
    given: list[tuple[int, dict[str, float]]] = []  # noqa: RUF012
    broken = False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self.broken:
            raise ConnectionError("no network")
        self.given.append((step, dict(values)))

    def close(self) -> None: ...


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> type[Recorded]:
    """`tensorboard` replaced by a logger that keeps what it is given."""

    def start(folder: Path, resumed_at: int) -> Recorded:
        Recorded.started.append((folder.name, resumed_at))
        return Recorded()

    monkeypatch.setattr(loggers, "_start", lambda _name, folder, resumed_at: start(folder, resumed_at))
    monkeypatch.setattr(loggers, "find_spec", lambda _name: object())
    Recorded.started, Recorded.given, Recorded.broken = [], [], False
    return Recorded


def test_curve_and_measurements_are_logged(tmp_path: Path, recorded: type[Recorded]) -> None:
    result = compare(tmp_path / "out", "tensorboard")
    curve = read(tmp_path / "out/runs/simclr-source-s0/curve.csv")
    trained = [(step, values) for step, values in recorded.given if "train/loss" in values]
    assert [step for step, _ in trained] == [2, 4, 6]
    for (step, values), row in zip(trained, curve, strict=True):
        assert row["step"] == step
        assert values == {f"train/{name}": value for name, value in row.items() if name != "step"}
    measured = [(step, values) for step, values in recorded.given if "target/linear" in values]
    assert [step for step, _ in measured] == [6, 0, 0]  # the method, then both controls
    of_method = result.rows.query("method == 'simclr'")
    assert sorted(measured[0][1].values()) == sorted(of_method.value)
    assert "target/few-shot 4-way 1-shot" in measured[0][1]
    assert ("simclr-source-s0", 0) in recorded.started


def test_a_single_training_is_logged(tmp_path: Path, recorded: type[Recorded]) -> None:
    lines = [*small.SETTINGS, "train.log_every=1", "train.steps=2"]
    metaclr.train("simclr", small.stripes(), out=tmp_path / "mine", overrides=lines, log=["wandb"], quiet=True)
    assert recorded.started == [("mine", 0)]
    assert [step for step, values in recorded.given if "train/loss" in values] == [1, 2]
    with pytest.raises(UserError, match="tensorboard"):
        metaclr.train("simclr", small.stripes(), out=tmp_path / "other", log=["tensorbord"], quiet=True)
    assert not (tmp_path / "other").exists()


def test_a_logger_changes_neither_folder_nor_results(tmp_path: Path, recorded: type[Recorded]) -> None:
    with_logger, plain = compare(tmp_path / "a", "tensorboard"), compare(tmp_path / "b")
    assert with_logger.rows.value.tolist() == plain.rows.value.tolist()
    before = len(recorded.given)
    compare(tmp_path / "b", "tensorboard")  # finished runs are kept: a logger is no other setting
    assert len(recorded.given) == before


def test_a_logger_that_fails_is_left_out(
    tmp_path: Path, recorded: type[Recorded], capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.broken = True
    result = compare(tmp_path / "out", "tensorboard")
    assert not result.failures
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")]
    assert warnings[0] == "warning: --log tensorboard ends: ConnectionError: no network"
    assert len(warnings) == 4  # the training, and the measurements of three runs


def test_a_missing_package_and_an_unknown_name_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"--log wandb needs the package 'wandb': pip install 'metaclr\[wandb\]'"):
        compare(tmp_path / "out", "wandb")
    with pytest.raises(UserError, match="tensorboard"):
        compare(tmp_path / "out", "tensorbord")
    assert not (tmp_path / "out").exists()


def test_tensorboard_has_the_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "out/runs/simclr-source-s0"
    compare(tmp_path / "out", "tensorboard", steps=4)
    compare(tmp_path / "out", "tensorboard", steps=6)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    found = [(e.step, e.value) for e in events.Scalars("train/loss")]
    expected = [(int(row["step"]), row["loss"]) for row in read(folder / "curve.csv")]
    assert [step for step, _ in found] == [step for step, _ in expected] == [2, 4, 6]
    assert [value for _, value in found] == pytest.approx([value for _, value in expected], rel=1e-6)
    assert "target/linear" in events.Tags()["scalars"]


def test_wandb_gets_one_run_per_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in with wandb's signatures, which also tells what a resumed training opens."""
    calls: list[tuple[str, Any]] = []

    def init(*, project: str, group: str | None, name: str, resume: str, reinit: bool, **more: str) -> Any:
        assert more.keys() == {"id", "dir"}
        calls.append(("init", (project, group, name, more["id"], resume, reinit, Path(more["dir"]).name)))
        return SimpleNamespace(
            define_metric=lambda pattern, step_metric: calls.append(("metric", (pattern, step_metric))),
            log=lambda values: calls.append(("log", values)),
            finish=lambda: calls.append(("finish", None)),
        )

    module = ModuleType("wandb")
    module.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(loggers, "find_spec", lambda _name: object())
    folder = tmp_path / "glyphs/runs/simclr-s0"
    for _ in range(2):
        with loggers.logging_to(["wandb"], folder) as scalars:
            scalars(4, {"train/loss": 2.0, "train/accuracy": float("nan")})
    first, second = (value for name, value in calls if name == "init")
    assert first == second  # the same id: a resumed training is the same run
    assert first[:3] == ("metaclr", "glyphs", "simclr-s0")
    assert ("log", {"train/loss": 2.0, "step": 4}) in calls
    assert ("metric", ("*", "step")) in calls
    assert [name for name, _ in calls] == 2 * ["init", "metric", "log", "finish"]


def records(path: Path) -> list[bytes]:
    """Records of an offline file of wandb's: 7 bytes of header, then LevelDB's log format in blocks of 32 KiB."""
    data, at, found, part = path.read_bytes(), 7, [], b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last of several
            found.append(part)
            part = b""
    return found


def test_wandb_itself_writes_the_curve_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto.wandb_internal_pb2 import Record

    for name, value in (("MODE", "offline"), ("SILENT", "true"), ("PROJECT", "birds")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    folder = tmp_path / "glyphs/runs/simclr-s0"
    with loggers.logging_to(["wandb"], folder) as scalars:
        for step in (2, 4):
            scalars(step, {"train/loss": 3.0 - step, "glyphs:held-out/few-shot 5-way": 1.0})
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    rows, runs = [], set()
    for record in map(Record.FromString, records(file)):
        if record.HasField("history"):
            items = {item.key or item.nested_key[0]: item.value_json for item in record.history.item}
            rows.append((int(items["step"]), float(items["train/loss"])))
        elif record.HasField("run"):
            runs.add((record.run.run_id, record.run.project, record.run.run_group, record.run.display_name))
    assert rows == [(2, 1.0), (4, -1.0)]
    ((_, *named),) = runs
    assert named == ["birds", "glyphs", "simclr-s0"]


def test_mlflow_has_the_curve_and_finds_its_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "glyphs/runs/simclr-s0"
    for step in (2, 4):
        with loggers.logging_to(["mlflow"], folder) as scalars:
            scalars(step, {"train/loss": 3.0 - step, "glyphs:held-out/few-shot 5-way": 1.0})
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("glyphs")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "simclr-s0"
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(2, 1.0), (4, -1.0)]
