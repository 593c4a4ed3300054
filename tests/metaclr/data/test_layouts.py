"""Layouts as people have them: what is read, what is refused, and what the notes say."""

from __future__ import annotations

import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from episodes import ImageSet
from metaclr.data import load
from metaclr.data.part_names import part_name, part_names
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import SPELLED, picture, pictures


def parts_of(found: ImageSet) -> dict[str, int]:
    return dict(Counter(found.split))


@pytest.mark.parametrize(("part", "spelling"), [(p, s) for p, all_of in SPELLED.items() for s in all_of])
def test_spellings_of_parts(part: str, spelling: str) -> None:
    for text in (
        spelling,
        spelling.upper(),
        spelling.title(),
        f"{spelling}_set",
        f"{spelling}-images",
        f"{spelling}2017",
    ):
        assert part_name(text) == part


@pytest.mark.parametrize("text", ["owl", "trains", "testament", "1", "", "set", "value", "contest", "protest"])
def test_words_that_spell_no_part(text: str) -> None:
    assert part_name(text) is None
    with pytest.raises(UserError, match=r"here: (unknown part|1 of 1 rows name no part).*one of train, val, test"):
        part_names([text], "here")


@pytest.mark.parametrize(
    "spelled",
    [("train", "dev", "eval"), ("Training", "Validation", "TEST"), ("trn", "val", "tst"), ("base", "val", "novel")],
)
def test_part_class_in_any_spelling(tmp_path: Path, spelled: tuple[str, str, str]) -> None:
    pictures(tmp_path, [f"{part}/{name}" for part in spelled for name in ("owl", "wren", "kite")])
    found = load(str(tmp_path), size=8)
    assert (found.class_names, parts_of(found)) == (("kite", "owl", "wren"), {"train": 6, "val": 6, "test": 6})
    for asked in ("test", "TESTING", spelled[2]):  # any spelling asks for it
        assert set(load(f"{tmp_path}:{asked}", size=8).split) == {"test"}
    with pytest.raises(UserError, match="did you mean 'test'"):
        load(f"{tmp_path}:tset", size=8)


def test_query_and_gallery_are_parts_of_their_own(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{part}/{name}" for part in ("train", "query", "gallery") for name in "ab"])
    assert parts_of(load(str(tmp_path), size=8)) == {"train": 4, "query": 4, "gallery": 4}


@pytest.mark.parametrize("inner", ["{c}/train", "{c}/test"])
def test_the_class_comes_first(tmp_path: Path, inner: str) -> None:
    pictures(tmp_path, [f"{c}/{part}" for c in ("owl", "wren") for part in ("train", "test")])
    found = load(str(tmp_path), size=8)
    assert (found.class_names, parts_of(found)) == (("owl", "wren"), {"train": 4, "test": 4})
    pictures(tmp_path, ["kite"])
    with pytest.raises(UserError, match="kite is in no part"):
        load(str(tmp_path), size=8)
    assert load(str(tmp_path), size=8, layout="CLASS").class_names == ("kite", "owl", "wren")


def test_groups_in_parts(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{part}/{group}/{c}" for part in ("train", "val") for group in ("x", "y") for c in "ab"])
    found = load(str(tmp_path), size=8)
    assert found.class_names == ("x/a", "x/b", "y/a", "y/b")
    assert found.groups == ("x", "x", "y", "y")
    assert parts_of(found) == {"train": 8, "val": 8}


def test_groups_of_the_same_class_names_are_no_secret(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{fold}/{c}" for fold in ("fold1", "fold2", "fold3") for c in "abcd"])
    found = load(str(tmp_path), size=8)
    assert found.classes == 12
    assert any("all 3 groups" in note and "layout = 'PART/CLASS'" in note for note in found.notes)
    as_parts = load(str(tmp_path), size=8, layout="PART/CLASS")
    assert (as_parts.classes, parts_of(as_parts)) == (4, {"fold1": 8, "fold2": 8, "fold3": 8})
    assert len(load(f"{tmp_path}:fold2", size=8, layout="PART/CLASS")) == 8
    other = pictures(tmp_path / "other", ["Greek/alpha", "Greek/beta", "Latin/a", "Latin/b"])
    assert not any("groups" in note for note in load(str(other), size=8).notes)


def test_what_lies_beside_parts(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{part}/{c}" for part in ("train", "test") for c in "ab"])
    (tmp_path / "annotations" / "a").mkdir(parents=True)
    (tmp_path / "annotations" / "a" / "notes.txt").write_text("x")
    found = load(str(tmp_path), size=8)
    assert parts_of(found) == {"train": 4, "test": 4}
    assert "left out: folder without images: annotations" in found.notes
    picture(tmp_path / "annotations" / "a" / "0.png")
    with pytest.raises(UserError, match="annotations is in the way"):
        load(str(tmp_path), size=8)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    pictures(tmp_path, ["car", "bus", "train"])
    found = load(str(tmp_path), size=8)
    assert (found.class_names, found.split) == (("bus", "car", "train"), ())
    assert any("train is read as a class" in note for note in found.notes)


def test_an_unlabelled_part_beside_labelled_ones(tmp_path: Path) -> None:
    pictures(tmp_path, ["train/a", "train/b", "test/a", "test/b"])
    pictures(tmp_path, ["unlabeled"], count=5)
    found = load(str(tmp_path), size=8)
    assert parts_of(found) == {"train": 4, "test": 4}
    assert any("part unlabelled, 5 images without labels" in note for note in found.notes)
    bare = load(f"{tmp_path}:unlabelled", size=8)
    assert (len(bare), bare.labels) == (5, None)
    assert len(load(f"{tmp_path}:train", size=8).required_labels()) == 4
    beside = pictures(tmp_path / "own", ["a", "b", "unsup"])
    assert (load(str(beside), size=8).class_names, len(load(f"{beside}:unlabelled", size=8))) == (("a", "b"), 2)


def test_flat_folders_have_no_labels(tmp_path: Path) -> None:
    pictures(tmp_path / "flat", ["."], count=7)
    assert load(str(tmp_path / "flat"), size=8).labels is None
    pictures(tmp_path / "parts", ["train", "test"])
    found = load(str(tmp_path / "parts"), size=8)
    assert (found.labels, parts_of(found)) == (None, {"train": 2, "test": 2})
    pictures(tmp_path / "deep", ["a", "b/c"])
    assert load(str(tmp_path / "deep"), size=8, layout="flat").labels is None


@pytest.mark.parametrize("wrapper", ["birds", "images", "data/birds"])
def test_wrapping_folders(tmp_path: Path, wrapper: str) -> None:
    pictures(tmp_path / wrapper, ["train/a", "train/b", "test/a", "test/b"])
    found = load(str(tmp_path), size=8)
    assert (found.class_names, parts_of(found)) == (("a", "b"), {"train": 4, "test": 4})
    assert found.files[0].startswith(f"{wrapper}/test/a/")


def test_hidden_and_system_folders_at_every_depth(tmp_path: Path) -> None:
    pictures(tmp_path, ["train/a", "train/b", "test/a", "test/b"])
    junk = (".ipynb_checkpoints", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "__pycache__", ".git/objects", "lost+found")
    for name in junk:
        for place in (".", "train", "train/a"):
            picture(tmp_path / place / name / "im0-checkpoint.png")
    for name in (".DS_Store", "._im0.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / "train" / "a" / name).write_bytes(b"x")
    found = load(str(tmp_path), size=8)
    assert (found.classes, len(found)) == (2, 8)
    assert not any("left out" in note for note in found.notes)


def test_empty_classes(tmp_path: Path) -> None:
    pictures(tmp_path / "plain", ["a", "b"])
    (tmp_path / "plain" / "class9").mkdir()
    (tmp_path / "plain" / "class9" / "x.heic").write_bytes(b"x")
    with pytest.raises(UserError, match=r"class9: no image in this class folder \(it holds x\.heic\)"):
        load(str(tmp_path / "plain"), size=8)
    pictures(tmp_path / "parts", ["train/a", "train/b", "test/b"])
    (tmp_path / "parts" / "test" / "a").mkdir()
    found = load(str(tmp_path / "parts"), size=8)
    assert "left out: folder without images: test/a" in found.notes
    (tmp_path / "parts" / "test" / "c").mkdir()
    with pytest.raises(UserError, match="c: no image in this class folder"):
        load(str(tmp_path / "parts"), size=8)
    pictures(tmp_path / "groups", ["x/a", "x/b", "y/c"])
    (tmp_path / "groups" / "y" / "d").mkdir()
    with pytest.raises(UserError, match="d: no image in this class folder"):
        load(str(tmp_path / "groups"), size=8)


def test_links_are_followed_at_every_depth(tmp_path: Path) -> None:
    real = pictures(tmp_path / "real", ["a", "b", "c"])
    top, files, deep = (tmp_path / name for name in ("top", "files", "deep"))
    for c in "abc":
        for place in (top, deep / "x" / "y"):
            place.mkdir(parents=True, exist_ok=True)
            (place / c).symlink_to(real / c, target_is_directory=True)
        (files / c).mkdir(parents=True)
        for i in range(2):
            (files / c / f"im{i}.png").symlink_to(real / c / f"im{i}.png")
    found = [load(str(root), size=8) for root in (real, top, files, deep)]
    assert len({one.fingerprint() for one in found}) == 1
    assert {len(one) for one in found} == {6}
    (real / "a" / "again").symlink_to(real, target_is_directory=True)
    with pytest.raises(UserError, match=r"a link to .* that it lies in itself"):
        load(str(real), size=8)


def test_a_link_to_nothing_is_an_unreadable_image(tmp_path: Path) -> None:
    pictures(tmp_path, ["a", "b"])
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(UserError, match=r"1 unreadable image, first .*gone\.png"):
        load(str(tmp_path), size=8)
    assert len(load(str(tmp_path), size=8, on_corrupt="skip")) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
@pytest.mark.timeout(60)
def test_special_files_are_named_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path, ["a", "b"])
    os.mkfifo(tmp_path / "a" / "pipe.png")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("b/socket.jpg")
        found = load(str(tmp_path), size=8)
    assert len(found) == 4
    assert any("a/pipe.png, b/socket.jpg" in note and "never opened" in note for note in found.notes)


def test_other_files_are_counted_and_named(tmp_path: Path) -> None:
    pictures(tmp_path, ["a", "b"])
    for name in ("a/x.heic", "a/y.heic", "b/notes.txt", "readme", "c.mp4"):
        (tmp_path / name).write_bytes(b"x")
    note = next(n for n in load(str(tmp_path), size=8).notes if n.startswith("left out: 5 files"))
    assert note.endswith("2 .heic, 1 .mp4, 1 .txt, 1 no ending")
    picture(tmp_path / "loose.png")
    assert any("1 image directly in" in n for n in load(str(tmp_path), size=8).notes)


def test_files_stay_with_their_images(tmp_path: Path) -> None:
    pictures(tmp_path, ["train/a", "train/b", "test/a", "test/b"], count=3)
    (tmp_path / "train" / "a" / "im1.png").write_bytes(b"broken")
    found = load(str(tmp_path), size=8, on_corrupt="skip")
    expected = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))
    expected.remove("train/a/im1.png")
    assert list(found.files) == expected
    for one in (
        found,
        load(str(tmp_path), size=8, on_corrupt="skip"),
        load(f"{tmp_path}:train", size=8, on_corrupt="skip"),
    ):
        for i, file in enumerate(one.files):
            part, name, _ = file.split("/")
            assert (one.split[i], one.class_names[one.required_labels()[i]]) == (part, name)
    assert any("1 unreadable image" in note for note in found.notes)


@pytest.mark.parametrize("layout", ["classes", "part/classes", ""])
def test_unknown_layouts(tmp_path: Path, layout: str) -> None:
    pictures(tmp_path, ["a", "b"])
    with pytest.raises(UserError, match="is none of auto, flat, CLASS"):
        load(str(tmp_path), size=8, layout=layout)
