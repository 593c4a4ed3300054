"""Two splits of one .npz are two results: never a finished run, never paired; and what a split does is in the notes."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import metaclr
from metaclr.comparison.planning.targets import prepare
from metaclr.data import load
from metaclr.errors import UserError
from metaclr.recipe import find, read, resolve
from metaclr.results.scores.score import score
from metaclr.results.scores.table_column import table_column_of
from metaclr.results.store.folder import load as results_of
from tests.metaclr.comparison import small
from tests.metaclr.data.folder_trees import pictures

PROBES = {"linear", "knn", "low-label frozen", "low-label finetune"}


def stored(path: Path, **arrays: Any) -> Path:
    toy = small.stripes(6, 16, name="theirs")
    np.savez(path, images=toy.images[:, 0].numpy(), labels=toy.required_labels().numpy(), **arrays)
    return path


def compare(path: Path, out: Path) -> metaclr.Comparison:
    return metaclr.compare(
        "glyphs",
        methods=["simclr"],
        sources={"source": small.stripes(name="ours")},
        targets={"target": load(str(path))},
        out=out,
        device="cpu",
        overrides=[*small.SETTINGS],
        quiet=True,
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, metaclr.Comparison, metaclr.Comparison]:
    """The folder, and the results of two splits of one file, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("splits")
    first = np.where(np.arange(96) % 2, "train", "test")
    second = np.where(np.arange(96) % 16 < 10, "Training", "eval")
    one = compare(stored(folder / "set.npz", split=first), folder / "one")
    return folder, one, compare(stored(folder / "set.npz", split=second), folder / "two")


def probes(result: metaclr.Comparison) -> pd.DataFrame:
    rows = result.rows.set_index(["method", "evaluator", "label_subset"])
    return rows[rows.index.get_level_values("evaluator").isin(PROBES)]


def test_a_changed_split_is_another_result(two: Any) -> None:
    _, one, other = two
    assert len(probes(one)) >= 4
    assert (probes(one).protocol != probes(other).protocol).all()
    for evaluator, tested in ((one, 48), (other, 36)):
        assert set(evaluator.rows[evaluator.rows.evaluator.isin(["linear", "knn"])].n_items) == {tested}
    few = [result.rows[result.rows.evaluator == "few-shot"] for result in (one, other)]
    assert few[0].protocol.tolist() == few[1].protocol.tolist()  # their episodes are the same


def test_a_changed_split_is_never_a_finished_run(two: Any) -> None:
    folder, _, other = two
    try:  # set.npz has the second split now
        again = compare(folder / "set.npz", folder / "one")
    except UserError as error:
        assert "finished" not in str(error)  # noqa: PT017 - refused, or done anew: both are right
    else:
        assert (probes(again).protocol == probes(other).protocol).all()
        assert (probes(again).value == probes(other).value).all()


def test_every_probe_protocol_names_the_split(two: Any) -> None:
    for result in two[1:]:
        found = [re.search(r"split=parts train and test ([0-9a-f]{16})", text) for text in probes(result).protocol]
        assert None not in found
        assert len({match[1] for match in found if match}) == 1


def test_nothing_is_paired_across_splits(two: Any) -> None:
    folder = two[0]
    for evaluator in ("linear", "knn"):
        identities = []
        for place in (folder / "one", folder / "two"):
            stored = results_of(place)
            rows = [row for row in stored.rows if (row.evaluator, row.method) == (evaluator, "simclr")]
            identities.append(score("simclr", table_column_of(rows[0]), rows, stored).identity)
        assert identities[0] != identities[1]


def test_what_was_done_with_the_parts_stands_under_the_table(two: Any) -> None:
    notes = (two[0] / "two" / "tables" / "main.md").read_text()
    assert "probes are fitted on part train (60 images) and tested on part test (36)" in " ".join(notes.split())


def test_images_that_both_parts_hold_are_named(tmp_path: Path) -> None:
    toy = small.stripes(6, 16, name="theirs")
    images = torch.randint(0, 256, toy.images.shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    images[1::16] = images[0::16]  # of each class the second image is the first
    parts = tuple("test" if i % 16 in (0, 2, 3) else "train" for i in range(96))
    settings = resolve(read(find("glyphs")), small.SETTINGS).evaluate
    _, remarks = prepare("mine", replace(toy, images=images, split=parts), settings, None)
    assert any("6 of 18 images that probes are tested on are among those that they are fitted on" in r for r in remarks)


def test_every_image_can_be_traced_to_its_file(tmp_path: Path) -> None:
    root = pictures(tmp_path / "mine", [f"{part}/{c}" for part in ("train", "test") for c in "abcd"], count=8)
    (root / "train" / "a" / "im3.png").write_bytes(b"broken")
    found = load(str(root), size=16, channels=1, on_corrupt="skip")
    settings = resolve(read(find("glyphs")), small.SETTINGS).evaluate
    target, _ = prepare("my set", found, settings, tmp_path / "out" / "episodes")
    with (tmp_path / "out" / "images" / "my-set.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.png") if p.stat().st_size > 10)
    assert [row["file"] for row in rows] == expected
    assert all(row["file"].split("/")[:2] == [row["part"], row["class"]] for row in rows)
    tested = [int(row["image"]) for row in rows if row["test_index"]]
    assert tested == target.test.tolist()
    assert [int(row["test_index"]) for row in rows if row["test_index"]] == list(range(len(tested)))
