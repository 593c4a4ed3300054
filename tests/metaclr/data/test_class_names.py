"""Class names that differ in spelling alone are one class across parts, and two with a warning inside a part."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from metaclr.data import load
from tests.metaclr.data.folder_trees import pictures


@pytest.mark.parametrize(
    ("train", "test"), [("Cat", "cat"), ("great_owl", "great owl"), ("cat", "cat "), ("É", "é"), ("A-B", "a b")]
)
def test_one_class_across_parts(tmp_path: Path, train: str, test: str) -> None:
    pictures(tmp_path, [f"train/{train}", "train/dog", f"test/{test}", "test/dog"])
    found = load(str(tmp_path), size=8)
    assert found.class_names == tuple(sorted((train, "dog")))
    assert any(note.startswith("classes: ") and "are read as one class" in note for note in found.notes)
    assert [found.class_name(i) == "dog" for i in found.required_labels().tolist()] == ["dog" in f for f in found.files]


def test_two_classes_inside_one_part(tmp_path: Path) -> None:
    pictures(tmp_path, ["train/Cat", "train/cat", "test/cat", "test/Cat"])
    found = load(str(tmp_path), size=8)
    assert found.class_names == ("Cat", "cat")
    assert any("'Cat', 'cat' differ in spelling alone" in note for note in found.notes)


def test_forms_of_unicode_are_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    pictures(tmp_path, [composed, "b"])
    pictures(tmp_path, [decomposed], count=3)
    assert load(str(tmp_path), size=8).class_names == ("b", composed)


@pytest.mark.parametrize(
    "names", [("ok_train", "ok_test", "bad_train", "bad_test"), ("trainA", "trainB", "testA", "testB")]
)
def test_names_that_hold_a_part_are_a_warning(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = load(str(pictures(tmp_path, names)), size=8)
    assert found.classes == 4
    assert any("if they hold a part and a class, move the images into folders PART/CLASS" in n for n in found.notes)
    (tmp_path / "more").mkdir()
    plain = load(str(pictures(tmp_path / "more", ["steam train", "test tube", "owl"])), size=8)
    assert not any("hold a part" in note for note in plain.notes)


def test_a_folder_that_is_read_twice_by_links(tmp_path: Path) -> None:
    pictures(tmp_path / "all", ["cat", "dog"])
    (tmp_path / "data").mkdir()
    for part in ("train", "test"):
        (tmp_path / "data" / part).symlink_to(tmp_path / "all")
    notes = load(str(tmp_path / "data"), size=8).notes
    assert "warning: test/cat and train/cat are links to one folder, whose images are read twice, and 1 more" in notes


def test_labelled_beside_unlabelled(tmp_path: Path) -> None:
    pictures(tmp_path, ["labeled/cat", "labeled/dog", "unlabeled"])
    found = load(str(tmp_path), size=8)
    assert (found.class_names, len(found)) == (("cat", "dog"), 4)
    assert load(f"{tmp_path}:unlabelled", size=8).labels is None
