"""Stored tables and label subsets: whole or absent, verified, never redrawn in silence."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import (
    EpisodeError,
    ImageSet,
    TaskShape,
    label_subset,
    read_table,
    sample_table,
    stored,
    stored_label_subset,
    stored_table,
    write_table,
)

SHAPE = TaskShape(3, 1, 2)


def toy(offset: int = 0) -> ImageSet:
    images = (torch.arange(40) + offset).to(torch.uint8).view(40, 1, 1, 1).expand(40, 1, 2, 2)
    return ImageSet(images, torch.arange(40) % 5, name="toy: set/é")


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_drawn_once_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stored_table(toy(), SHAPE, 20, 3, tmp_path / "new" / "folder")
    assert first.digest == sample_table(toy(), SHAPE, 20, 3).digest
    assert only_file(tmp_path / "new" / "folder").name.isascii()
    monkeypatch.setattr(stored, "sample_table", lambda *_: pytest.fail("drawn again"))
    again = stored_table(toy(), SHAPE, 20, 3, tmp_path / "new" / "folder")
    assert again.digest == first.digest
    assert torch.equal(again.query, first.query)
    assert again.support.dtype == torch.int64


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored_table(toy(), SHAPE, 20, 3, None)
    stored_label_subset(toy(), 0, None, per_class=1)
    assert not list(tmp_path.iterdir())


def test_each_request_has_its_own_file(tmp_path: Path) -> None:
    requests = [
        (toy(), SHAPE, 20, 3),
        (toy(1), SHAPE, 20, 3),
        (toy(), TaskShape(2, 1, 2), 20, 3),
        (toy(), TaskShape(3, 2, 2), 20, 3),
        (toy(), TaskShape(3, 1, 3), 20, 3),
        (toy(), SHAPE, 21, 3),
        (toy(), SHAPE, 20, 4),
    ]
    digests = {stored_table(*request, tmp_path).digest for request in requests}
    assert len(digests) == len(list(tmp_path.iterdir())) == len(requests)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_archive(path: Path) -> None:
    path.write_bytes(b"not an archive at all\n" * 50)


def bare_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def other_content(path: Path) -> None:
    with np.load(path) as held:
        arrays = dict(held)
    key = "query" if "query" in arrays else "indices"
    arrays[key] = arrays[key][::-1].copy()
    np.savez_compressed(path, **arrays)


def a_key_less(path: Path) -> None:
    with np.load(path) as held:
        arrays = {name: held[name] for name in held if name != "seed"}
    np.savez_compressed(path, **arrays)


DAMAGES = [cut, empty, no_archive, bare_array, other_content, a_key_less]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["table", "labels"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: Callable[[Path], None], what: str) -> None:
    def ask() -> None:
        if what == "table":
            stored_table(toy(), SHAPE, 20, 3, tmp_path)
        else:
            stored_label_subset(toy(), 3, tmp_path, per_class=2)

    ask()
    path = only_file(tmp_path)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(EpisodeError, match="delete it to draw it again") as caught:
        ask()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before, "it is left as it was"
    path.unlink()
    ask()


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_no_flipped_byte_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, place: int, flip: int) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    table = sample_table(toy(), SHAPE, 20, 3)
    write_table(path, table)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    try:
        read = read_table(path, table.fingerprint)
    except EpisodeError:
        return
    assert read.digest == table.digest, "a byte of the archive's own book-keeping, not of the content"


def test_a_file_of_other_images_or_episodes_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "table.npz", sample_table(toy(), SHAPE, 20, 3))
    assert len(read_table(tmp_path / "table.npz")) == 20
    with pytest.raises(EpisodeError, match="drawn from other images"):
        read_table(tmp_path / "table.npz", toy(1).fingerprint())
    with pytest.raises(EpisodeError, match="no such file"):
        read_table(tmp_path / "nothing.npz")
    wrong = tmp_path / stored.table_name(toy(), SHAPE, 30, 3)
    (tmp_path / "table.npz").rename(wrong)
    with pytest.raises(EpisodeError, match="its episodes are not those of its name"):
        stored_table(toy(), SHAPE, 30, 3, tmp_path)


def test_no_half_written_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(EpisodeError, match=r"cannot be written \(No space left on device\)"):
        stored_table(toy(), SHAPE, 20, 3, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EpisodeError, match="cannot be written") as caught:
        stored_table(toy(), SHAPE, 20, 3, tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_many_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda _: stored_table(toy(), SHAPE, 200, 3, tmp_path).digest, range(24)))
    assert len(set(digests)) == 1
    assert only_file(tmp_path).suffix == ".npz"


def test_label_subsets_are_stored_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [{"per_class": 1}, {"per_class": 2}, {"fraction": 0.5}, {"fraction": 0.25}]
    for kind in kinds:
        chosen = stored_label_subset(toy(), 7, tmp_path, **kind)  # type: ignore[arg-type]
        assert torch.equal(chosen, label_subset(toy(), 7, **kind))  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == len(kinds)
    monkeypatch.setattr(stored, "label_subset", lambda *_, **__: torch.arange(3))
    assert len(stored_label_subset(toy(), 7, tmp_path, per_class=2)) == 10, "read, not drawn"
    monkeypatch.undo()
    with pytest.raises(EpisodeError, match="'class 0' has 8"):
        stored_label_subset(toy(), 7, tmp_path, per_class=9)


def test_a_table_on_any_device_layout_is_written_alike(tmp_path: Path) -> None:
    table = sample_table(toy(), SHAPE, 20, 3)
    strided = replace(table, support=table.support.transpose(0, 1).contiguous().transpose(0, 1))
    write_table(tmp_path / "a.npz", table)
    write_table(tmp_path / "b.npz", strided)
    assert read_table(tmp_path / "a.npz").digest == read_table(tmp_path / "b.npz").digest == table.digest
