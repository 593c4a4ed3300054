"""rows.csv, per-item arrays and atomic files: nothing lost, nothing half-written, errors that name the place."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.results.store.episode_classes import (
    EpisodeClasses,
    merge_episode_classes,
    read_episode_classes,
    write_episode_classes,
)
from metaclr.results.store.per_item import read_items, write_items
from metaclr.results.store.rows import COLUMNS, Row, merge, read_rows, select, to_frame, write_rows

ROW = Row(
    run="simclr-glyphs-s0", method="a_b%$", source="glyphs", target='di,"gits', encoder="conv4", seed=0, steps=10,
    evaluator="few-shot", way=5, shot=1, label_subset="", metric="accuracy", value=1 / 3, ci95=0.1, n_items=2000,
    protocol="digest=ab; head=cosine", environment="cpu", train_seconds=1.5, train_views=2560,
)  # fmt: skip


def test_round_trip_keeps_types_and_every_bit(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, evaluator="linear", way=None, shot=None, ci95=None, label_subset="1 % (12)", value=1e-17)]
    write_rows(tmp_path / "rows.csv", rows)
    assert read_rows(tmp_path / "rows.csv") == rows
    assert (tmp_path / "rows.csv").read_text().splitlines()[0] == ",".join(COLUMNS)


@given(
    text=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1),
    value=st.floats(allow_nan=False, allow_infinity=False),
    way=st.none() | st.integers(1, 10**6),
)
def test_any_name_and_value_survive(
    tmp_path_factory: pytest.TempPathFactory, text: str, value: float, way: int | None
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    row = replace(ROW, method=text, label_subset=text, value=value, way=way)
    write_rows(path, [row])
    assert read_rows(path) == [row]


def test_optional_columns_may_be_missing_and_foreign_ones_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "run,method,source,target,encoder,seed,steps,evaluator,way,shot,label_subset,metric,value,ci95,n_items,mine\n"
        "r,m,s,t,e,0,1,linear,,,,accuracy,50,,7.0,x\n"
    )
    (row,) = read_rows(path)
    assert (row.n_items, row.way, row.ci95, row.protocol, row.train_views) == (7, None, None, "", 0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("method", "methods", "no column method"),
        (",2000,", ",many,", "line 2: n_items is 'many'; it must be a whole number"),
        (",0.1,", ",-1.0,", "ci95 is -1.0"),
        (repr(1 / 3), "nan", "value is nan"),
        (",10,", ",1.5,", "steps is '1.5'"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, [ROW])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        read_rows(path)


def test_an_interval_of_one_item_is_no_interval() -> None:
    assert replace(ROW, ci95=float("nan")).ci95 is None


def test_ids_name_the_measurement_not_its_value() -> None:
    assert replace(ROW, value=2.0, train_seconds=9.0).id == ROW.id
    others = [replace(ROW, **change) for change in ({"shot": 5}, {"label_subset": "x"}, {"target": "t"}, {"run": "r"})]
    assert len({row.id for row in [ROW, *others]}) == 5


def test_merging_refuses_one_measurement_twice() -> None:
    assert merge([[ROW], [replace(ROW, run="other")]])[1].run == "other"
    with pytest.raises(UserError, match="two rows"):
        merge([[ROW], [replace(ROW, value=2.0)]])


def test_select_and_frame() -> None:
    rows = [ROW, replace(ROW, way=20)]
    assert select(rows, way=20, shot=1) == rows[1:]
    with pytest.raises(UserError, match="no column 'ways'"):
        select(rows, ways=5)
    assert to_frame([replace(ROW, way=None)])["way"].isna().all()


def test_per_item_arrays_come_back(tmp_path: Path) -> None:
    write_items(tmp_path / "a.npz", {"x": torch.tensor([0.5, 1.0]), "file": np.array([1.0])})
    write_items(tmp_path / "b.npz", {"y": [0.0]})
    items = read_items(tmp_path)
    assert items["x"].dtype == np.float32
    assert items["x"].tolist() == [0.5, 1.0]
    assert set(items) == {"x", "file", "y"}
    with pytest.raises(UserError, match="finite"):
        write_items(tmp_path / "c.npz", {"x": [float("nan")]})
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:50])
    with pytest.raises(UserError, match=r"b\.npz"):
        read_items(tmp_path)


def test_episode_classes_come_back_and_merge(tmp_path: Path) -> None:
    few = EpisodeClasses({"d1": np.array([[0, 5], [2, 1]])}, {"row a": np.array([[50.0, 60.0], [70.0, 80.0]])})
    many = EpisodeClasses({"d1": few.classes["d1"], "d2": np.array([[40_000, 3]])})
    for name, stored in (("one", few), ("two", many), ("none", EpisodeClasses())):
        (tmp_path / name).mkdir()
        write_episode_classes(tmp_path / name, stored)
    found = merge_episode_classes(read_episode_classes(tmp_path / name) for name in ("one", "two", "none", "missing"))
    assert {digest: ids.tolist() for digest, ids in found.classes.items()} == {
        "d1": [[0, 5], [2, 1]],
        "d2": [[40_000, 3]],
    }
    assert found.without["row a"].tolist() == [[50, 60], [70, 80]]
    assert found.without["row a"].dtype == np.float32
    with pytest.raises(UserError, match=r"classes/d must be \(E, N\)"):
        write_episode_classes(tmp_path, EpisodeClasses({"d": np.arange(3)}))
    (tmp_path / "one" / "episode_classes.npz").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"not a readable \.npz of episode classes"):
        read_episode_classes(tmp_path / "one")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old" * 1000)
    seen: list[str] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        seen.append(path.read_text())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    write_atomic(path, "new" * 1000)
    # While the bytes go to disk the old file stands; the folder is synced once the new one does.
    assert seen == ["old" * 1000, "new" * 1000]
