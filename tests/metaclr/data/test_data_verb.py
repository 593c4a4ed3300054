from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from metaclr.cli.data import command
from metaclr.errors import UserError


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
