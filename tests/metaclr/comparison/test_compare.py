"""A whole comparison: results on disk, finished runs kept, killed and resumed, the negative control."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

import metaclr
from metaclr.bridge import Objective, Prototypes, dot, split, unit_norm
from metaclr.engine.precision import NAMES, compute_dtype
from metaclr.evaluation.geometry import GEOMETRY
from tests.metaclr.comparison import small

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
METHODS = ["simclr", "protonet"]
VARYING = ["train_seconds", "environment"]


def compare(out: Path, *overrides: str, **arguments: object) -> metaclr.Comparison:
    sets = {"source": small.stripes(name="ours"), "target": small.stripes(6, 16, name="theirs")}
    return metaclr.compare(
        "glyphs",
        **{"methods": METHODS, **arguments},  # type: ignore[arg-type]
        sources={"source": sets["source"]},
        targets={"target": sets["target"]},
        out=out,
        device="cpu",
        overrides=[*small.SETTINGS, *overrides],
        quiet=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> metaclr.Comparison:
    return compare(tmp_path_factory.mktemp("comparison") / "out")


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=VARYING)


def test_every_result_is_written(finished: metaclr.Comparison) -> None:
    folder = finished.folder
    for name in ("recipe.toml", "rows.csv", "report.html", "tables/main.tex", "tables/few_shot.md"):
        assert (folder / name).stat().st_size > 0
    assert list((folder / "figures").glob("*.png"))
    assert list((folder / "figures").glob("*.pdf"))
    assert list((folder / "per_item").glob("*.npz"))
    assert set(finished.rows.method) == {"simclr", "protonet", "untrained", "pixels"}
    kinds = {"few-shot", "few-shot method", "linear", "knn", "low-label frozen", "low-label finetune"}
    assert set(finished.rows.evaluator) == kinds
    assert not finished.failures


def test_the_report_names_the_training_precision(finished: metaclr.Comparison) -> None:
    found = NAMES[compute_dtype("auto", torch.device("cpu"))]
    report = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert f"cosine schedule, {found}" in report


def test_all_methods_are_evaluated_on_the_same_items(finished: metaclr.Comparison) -> None:
    for _, rows in finished.rows.groupby(["target", "evaluator", "way", "shot", "label_subset"], dropna=False):
        assert rows.n_items.nunique() == 1
        if (rows.evaluator == "few-shot").all():
            assert rows.protocol.nunique() == 1


def test_finished_runs_are_kept(finished: metaclr.Comparison) -> None:
    marks = {p: p.stat().st_mtime_ns for p in finished.folder.rglob("done.json")}
    again = compare(finished.folder)
    assert {p: p.stat().st_mtime_ns for p in finished.folder.rglob("done.json")} == marks
    pd.testing.assert_frame_equal(again.rows, finished.rows)


def test_one_more_method_adds_runs_and_keeps_the_others(finished: metaclr.Comparison, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compare(out, methods=["simclr"])
    mark = next(out.glob("runs/simclr-*/done.json")).stat().st_mtime_ns
    both = compare(out)
    assert next(out.glob("runs/simclr-*/done.json")).stat().st_mtime_ns == mark
    pd.testing.assert_frame_equal(plain(both.rows), plain(finished.rows))


def test_parallel_processes_give_the_same_rows(finished: metaclr.Comparison, tmp_path: Path) -> None:
    apart = compare(tmp_path / "out", jobs=2)
    numbers, geometry = ["value", "ci95", "ci95_episodes"], list(GEOMETRY)
    rest = [*numbers, *geometry]
    pd.testing.assert_frame_equal(plain(apart.rows).drop(columns=rest), plain(finished.rows).drop(columns=rest))
    # Another number of threads may round a convolution otherwise; nothing more.
    pd.testing.assert_frame_equal(apart.rows[numbers], finished.rows[numbers], atol=2.0, rtol=0)
    pd.testing.assert_frame_equal(apart.rows[geometry], finished.rows[geometry], rtol=0.1, atol=0.01)
    again = compare(tmp_path / "out", jobs=2)  # nothing is left to do
    pd.testing.assert_frame_equal(again.rows, apart.rows)


def test_a_custom_method_runs_beside_the_shipped_ones(tmp_path: Path) -> None:
    mine = metaclr.Method(
        summary="one-way InfoNCE",
        reference="this test",
        objective=Objective(roles=split, embedding=unit_norm, head=Prototypes(dot), temperature=0.2),
    )
    result = compare(tmp_path / "out", methods={"mine": mine, "simclr": "simclr"})
    assert {"mine", "simclr"} <= set(result.rows.method)


def test_on_shuffled_labels_everything_is_at_chance(tmp_path: Path) -> None:
    result = compare(tmp_path / "out", "shuffle_labels=true", "train.steps=20", "evaluate.few_shot.episodes=400")
    for row in result.rows.itertuples():
        chance = 100 / (row.way if row.evaluator.startswith("few-shot") else 6)
        # Two dozen rows: 95 % intervals would leave one out now and then, twice their width does not.
        assert abs(row.value - chance) < 2 * max(row.ci95, 1.0), row


def test_on_shuffled_labels_no_difference_is_significant(tmp_path: Path) -> None:
    """Where nothing can be better than anything. The interval over episodes leaves 0 out in some of these columns."""
    result = metaclr.compare(
        "glyphs",
        methods=["simclr", "protoclr", "supcon"],
        sources={"source": small.stripes(20, 12, name="ours")},
        targets={"target": small.stripes(40, 12, name="theirs")},
        out=tmp_path / "out",
        device="cpu",
        quiet=True,
        overrides=[
            *small.SETTINGS,
            "shuffle_labels=true",
            "train.steps=20",
            "evaluate.few_shot.ways=[5, 20]",
            "evaluate.few_shot.shots=[1, 5]",
            "evaluate.few_shot.episodes=2000",
            "evaluate.linear=false",
            "evaluate.knn=false",
            "evaluate.low_label=false",
        ],
    )
    with (result.folder / "tables" / "differences.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 4 * 2  # methods, task shapes, heads
    assert [row for row in rows if float(row["p_holm"]) < 0.05] == []
    assert all(abs(float(row["difference"])) < float(row["ci95"]) for row in rows)
    assert sum(abs(float(row["difference"])) > float(row["ci95_episodes"]) for row in rows) >= 1
    report = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "significantly better" not in report


def test_a_killed_comparison_resumes_to_the_same_rows(finished: metaclr.Comparison, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import test_compare; from pathlib import Path\n"
        "test_compare.compare(Path(sys.argv[3]), 'train.checkpoint_seconds=0.01')\n"
    )
    command = [sys.executable, "-c", script, str(ROOT), str(HERE), str(out)]
    for wait in (0.3, 1.0):
        process = subprocess.Popen(command, env={**os.environ})
        deadline = time.monotonic() + 120
        while not list(out.glob("runs/*/*")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rest = compare(out, "train.checkpoint_seconds=0.01")
    pd.testing.assert_frame_equal(plain(rest.rows), plain(finished.rows))


def test_an_unusable_results_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(metaclr.UserError, match="--out"):
        compare(blocked / "out")
