"""Sets larger than memory: mapped inside an .npz, unpacked once from a compressed one, folders decoded to disk."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from episodes import EpisodeError, ImageSet, StoredImages
from metaclr.data import adapt, cache, load, scratch
from metaclr.errors import UserError
from metaclr.memory import place

PARTS = {"all": "", "train": ":train", "test": ":test"}


def arrays(channels: int) -> dict[str, Any]:
    shape = (40, 9, 9) if channels == 1 else (40, 9, 9, 3)
    return {
        "images": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8),
        "labels": np.arange(40) % 4,
        "class_names": np.array(["a", "b", "c", "d"]),
        "split": np.array(["train", "train", "test", "train"] * 10),
    }


def same(one: ImageSet, two: ImageSet) -> bool:
    return torch.equal(one.images[:], two.images[:]) and one.fingerprint() == two.fingerprint()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("asked", [{}, {"size": 7}, {"channels": 3}, {"size": 8, "channels": 1}])
def test_a_large_npz_is_never_whole_in_memory(
    tmp_path: Path, channels: int, compressed: bool, asked: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "mine.npz", tmp_path / "cache"
    (np.savez_compressed if compressed else np.savez)(path, **arrays(channels))
    plain = {name: load(str(path) + part, cache=tmp_path / "plain", **asked) for name, part in PARTS.items()}  # type: ignore[arg-type]
    monkeypatch.setenv("METACLR_CACHE", str(folder))
    monkeypatch.setattr(cache, "LARGE", 1000)
    for _ in range(2):
        for name, part in PARTS.items():
            found = load(str(path) + part, **asked)  # type: ignore[arg-type]
            assert isinstance(found.images, StoredImages)
            assert same(found, plain[name])
            assert found.name == plain[name].name
        if compressed:  # the second time nothing is unpacked
            module = import_module("metaclr.data.arrays.formats")
            monkeypatch.setattr(module, "read_npz", lambda *_, **__: pytest.fail("unpacked again"))
    assert not list(folder.glob("**/scratch*"))


def test_damage_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGE", 1000)
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **arrays(3))
    whole = path.read_bytes()
    path.write_bytes(whole[:400] + bytes(64) + whole[464:])
    with pytest.raises(UserError, match=r"mine\.npz: (damaged|not a readable)") as caught:
        load(str(path), cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    np.savez(path, **(arrays(3) | {"images": np.zeros((40, 9, 9), dtype=np.float32)}))
    with pytest.raises(UserError, match="images are float32"):
        load(str(path), cache=tmp_path / "cache")
    np.savez(path, **arrays(3))
    found = load(str(path), cache=tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(EpisodeError, match="cut short"):
        found.fingerprint()


@pytest.mark.parametrize("bad", [False, True])
def test_a_folder_is_decoded_to_disk(tmp_path: Path, bad: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(30):
        path = tmp_path / "birds" / "ab"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path)
    if bad:
        (tmp_path / "birds" / "a" / "04.png").write_bytes(b"no picture")
    monkeypatch.setenv("METACLR_CACHE", str(tmp_path / "lists"))
    plain = load(str(tmp_path / "birds"), size=9, on_corrupt="skip", cache=tmp_path / "plain")
    monkeypatch.setattr(cache, "LARGE", 1000)
    monkeypatch.setattr("metaclr.data.pixels.decode._RELEASE", 4)
    monkeypatch.setattr(np, "save", saved := SmallOnly(np.save))
    found = load(str(tmp_path / "birds"), size=9, on_corrupt="skip", cache=tmp_path / "cache")
    assert isinstance(found.images, StoredImages)
    assert len(found) == 30 - bad
    assert same(found, plain)
    assert saved.largest == found.required_labels().numpy().nbytes  # the pixels were decoded where they stay
    place_of = next((tmp_path / "cache").iterdir())
    assert np.array_equal(np.load(place_of / "images.npy"), plain.images[:].numpy())


class SmallOnly:
    """np.save, with the size of the largest array that it saw."""

    def __init__(self, save: Any) -> None:
        self.save, self.largest = save, 0

    def __call__(self, path: Path, array: np.ndarray) -> None:
        self.largest = max(self.largest, array.nbytes)
        self.save(path, array)


def test_parts_are_adapted_into_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "mine.npz", **arrays(3))
    plain = adapt(load(str(tmp_path / "mine.npz:train")), size=6)
    monkeypatch.setenv("METACLR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LARGE", 1000)
    mapped = replace(load(str(tmp_path / "mine.npz:train")), name="mine")
    for _ in range(2):
        adapted = adapt(mapped, size=6)
        assert isinstance(adapted.images, StoredImages)
        assert same(adapted, plain)
        assert (adapted.name, adapted.split) == ("mine", plain.split)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert same(place(adapted, torch.device("cpu")), plain)


def test_a_full_disk_is_said_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if not hasattr(scratch.os, "posix_fallocate"):
        pytest.skip("the system cannot reserve room in a file")
    monkeypatch.setattr(scratch.os, "posix_fallocate", full)
    monkeypatch.setattr(cache, "LARGE", 1000)
    np.savez_compressed(tmp_path / "mine.npz", **arrays(3))
    with pytest.raises(UserError, match=r"no room for .*No space left on device") as caught:
        load(str(tmp_path / "mine.npz"), cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
