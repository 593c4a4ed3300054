from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from metaclr.cli.data import command
from metaclr.data.described.summary import fitting_queries
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import picture, pictures


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False, standalone_mode=True)
    assert result.exit_code == 0, result.output
    return result.output


def test_list(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=np.zeros((3, 4, 4), np.uint8), labels=np.array([0, 1, 1]))
    said = run("list", "--data-root", str(tmp_path))
    assert "mine" in said
    assert "CIFAR100(root, download=True" in said
    assert str(tmp_path) in said


def test_show_writes_a_contact_sheet(tmp_path: Path) -> None:
    said = run("show", "glyphs:held-out", "--out", str(tmp_path / "sheet.png"), "--classes", "4", "--images", "3")
    assert "506 classes" in said or "classes" in said
    assert "Greek" in said
    assert "fingerprint" in said
    assert "drawn exactly as a source character" in said
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    assert 4 * 50 < sheet.shape[0] < 6 * 70
    assert 0.02 < (sheet < 20).mean() < 0.98


def test_show_a_set_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", images=np.zeros((30, 8, 8, 3), np.uint8))
    said = run("show", str(tmp_path / "bare.npz"), "--out", str(tmp_path / "sheet.png"))
    assert "no labels" in said
    assert (tmp_path / "sheet.png").is_file()


def test_show_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        run("show", "digits", "--out", str(tmp_path / "no" / "sheet.png"))


def test_prepare(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save((tmp_path / "a").mkdir() or tmp_path / "a" / "0.png")
    assert "1 color images 12 x 12, 1 classes" in run("prepare", str(tmp_path), "--size", "12")


def test_prepare_refuses_a_misspelt_name_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'digits'"):
        run("prepare", "glyphs", "digist", "--data-root", str(tmp_path))


def test_show_says_what_was_read_and_how(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{part}/{name}" for part in ("Training", "dev", "test") for name in ("owl", "wren")], count=4)
    pictures(tmp_path, ["Training/kite"], count=9)
    (tmp_path / "Training" / "owl" / "notes.txt").write_text("x")
    picture(tmp_path / "test" / "owl" / "big.png", size=(40, 9))
    said = " ".join(run("show", str(tmp_path), "--size", "16").split())
    assert "34 color images 16 x 16, 3 classes" in said
    assert "per class 9 (kite) to 13 (owl) images, median 12" in said
    assert "classes kite, owl, wren" in said
    assert "train 17, test 9, val 8 (images)" in said
    assert "classes: train 3, val 2, test 2; 2 in all of them" in said
    assert "layout PART/CLASS" in said
    assert "parts Training is train, dev is val" in said
    assert "originals 8 x 8 to 40 x 9, median 8 x 8" in said
    assert "fifth off 1 of 34" in said
    assert "left out 1 file that Pillow does not read as images: 1 .txt" in said
    assert "3-way: 1-shot with 8 queries; 5-shot with 4 queries" in said
    assert "5-way: no 1-shot (3 classes)" in said


@pytest.mark.parametrize(
    ("counts", "way", "shot", "queries"),
    [([20, 20], 2, 1, 15), ([20, 20], 2, 5, 15), ([9, 4, 20], 2, 1, 8), ([9, 4, 20], 3, 5, 0), ([9, 4], 3, 1, 0)],
)
def test_the_queries_that_fit(counts: list[int], way: int, shot: int, queries: int) -> None:
    assert fitting_queries(torch.tensor(counts), way, shot) == queries


def test_check_finds_leaks_between_sets_and_between_parts(tmp_path: Path) -> None:
    ours = pictures(tmp_path / "ours", ["Cat", "dog"], count=3)
    theirs = pictures(tmp_path / "theirs", ["train/cat", "train/bee", "test/cat", "test/bee"], count=3)
    shutil.copy(ours / "dog" / "im1.png", theirs / "test" / "bee" / "copied.png")
    shutil.copy(theirs / "train" / "bee" / "im0.png", theirs / "test" / "bee" / "again.png")
    said = run("check", str(ours), str(theirs), "--size", "24", "--out", str(tmp_path / "sheet.png"))
    assert "1 classes and 1 images in common" in said
    assert "shared classes: Cat" in said
    assert "theirs/test/bee/copied.png is" in said.replace(str(tmp_path) + "/", "")
    assert "theirs:test (8 images): 1 images in common" in said.replace(str(tmp_path) + "/", "")
    assert Image.open(tmp_path / "sheet.png").size[1] > 2 * 72
    alone = run("check", str(ours))
    assert "nothing to compare" in alone


def test_options_of_reading(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{fold}/{c}" for fold in ("f1", "f2") for c in "ab"])
    assert "4 classes" in run("show", str(tmp_path))
    assert "2 classes" in run("show", str(tmp_path), "--layout", "PART/CLASS")
    assert "0 to 100 becomes" not in run("show", str(tmp_path), "--pixel-range", "0,100")
    with pytest.raises(UserError, match="two numbers with a comma"):
        run("show", str(tmp_path), "--pixel-range", "100")
    with pytest.raises(UserError, match=r"too large.*max_pixels = 64"):
        run("prepare", str(tmp_path), "--max-pixels", "10")
