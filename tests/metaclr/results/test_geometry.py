"""The numbers beside the accuracy: rank correlation by hand, tables and figures of them, old rows without them."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

import metaclr
from metaclr.diagnose import effective_rank, tolerance, uniformity
from metaclr.evaluation.geometry import GEOMETRY, MAX_ROWS
from metaclr.results.scores.geometry import collapsed_runs, geometry_by_method, rank_correlation
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import COLUMNS, Row, read_rows, write_rows


def test_spearman_and_its_p_value_by_all_orders() -> None:
    x, y = [0.1, 0.5, 0.2, 3.0, 0.9], [10.0, 30.0, 25.0, 40.0, 20.0]
    found = rank_correlation(x, y)
    rank_x, rank_y = np.argsort(np.argsort(x)), np.argsort(np.argsort(y))
    rho = 1 - 6 * float(((rank_x - rank_y) ** 2).sum()) / (5 * 24)
    assert found.rho == pytest.approx(rho)
    rhos = [1 - 6 * float(((np.array(order) - rank_y) ** 2).sum()) / 120 for order in permutations(range(5))]
    as_far = [abs(one) >= abs(rho) - 1e-12 for one in rhos]
    assert found.p == pytest.approx(sum(as_far) / len(as_far), abs=0.02)
    assert rank_correlation([1.0] * 5, y).p == 1


def stored(value: float) -> float:
    """As rows.csv has it: five digits."""
    return float(f"{value:.5g}")


def test_rows_carry_the_geometry_of_their_run_and_target(tmp_path: Path) -> None:
    tiny = ("train.batch_views=32", "evaluate.few_shot.episodes=20", "encoder.options={width=8}", "evaluate.knn=false",
            "evaluate.linear=false", "evaluate.low_label=false")  # fmt: skip
    out = tmp_path / "out"
    methods = ["simclr", "infonce", "dcl", "protoclr", "supcon"]
    metaclr.compare(methods=methods, targets=["digits"], steps=2, overrides=tiny, out=out, quiet=True)
    rows = read_rows(out / "rows.csv")
    encoder = metaclr.load(out / "runs" / "simclr-glyphs-source-s0")
    images = encoder.images("digits")
    features = encoder.embed(images)
    assert len(features) <= MAX_ROWS
    (row, *others) = [row for row in rows if row.method == "simclr"]
    assert row.uniformity == pytest.approx(stored(uniformity(features)), rel=1e-5)
    assert row.rank == pytest.approx(stored(effective_rank(features)), rel=1e-5)
    assert row.tolerance == pytest.approx(stored(tolerance(features, images.required_labels())), rel=1e-5)
    assert row.alignment is not None
    assert row.lidar is not None
    assert all(other.lidar == row.lidar for other in others)
    found = geometry_by_method(rows, "glyphs:source", "digits")
    assert list(found) == [*methods, "untrained", "pixels"]
    table = (out / "tables" / "geometry.md").read_text(encoding="utf-8")
    assert "Spearman, 5 methods" in table
    assert (out / "figures" / "geometry-digits.png").stat().st_size > 5000
    # A rows.csv of before has no such columns.
    with (out / "rows.csv").open() as file:
        records = list(csv.DictReader(file))
    with (tmp_path / "old.csv").open("w") as file:
        writer = csv.DictWriter(file, [name for name in COLUMNS if name not in GEOMETRY], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)
    old = read_rows(tmp_path / "old.csv")
    assert [row.value for row in old] == [row.value for row in rows]
    assert all(row.uniformity is None for row in old)


def test_a_row_without_geometry_and_one_that_has_collapsed(tmp_path: Path) -> None:
    def row(run: str, spread: float | None) -> Row:
        where = ("s", "t", "conv4", 0, 1, "few-shot", 5, 1, "", "accuracy")
        return Row(run, "simclr", *where, 20.0, 1.0, 9, spread=spread)

    rows = (row("flat", 0.001), row("even", 0.9), row("unknown", None))
    write_rows(tmp_path / "rows.csv", rows)
    assert read_rows(tmp_path / "rows.csv") == list(rows)
    (line,) = collapsed_runs(Results(rows))
    assert line.startswith("flat has collapsed")
