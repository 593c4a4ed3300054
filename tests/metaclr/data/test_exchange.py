from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metaclr.data import adapt, load
from metaclr.data.arrays.exchange import npz_counts
from metaclr.errors import UserError


def arrays() -> dict[str, Any]:
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)
    return {
        "images": images,
        "labels": np.array([0, 0, 1, 1, 2, 2]),
        "class_names": np.array(["a", "b", "c"]),
        "groups": np.array(["x", "x", "y"]),
        "split": np.array(["train", "test"] * 3),
        "drawer": np.arange(6, dtype=np.uint8),
    }


def test_read_as_written(tmp_path: Path) -> None:
    stored = arrays()
    np.savez(tmp_path / "mine.npz", **stored)
    found = load(str(tmp_path / "mine.npz"))
    assert torch.equal(found.images, torch.from_numpy(stored["images"]).permute(0, 3, 1, 2))
    assert found.required_labels().tolist() == [0, 0, 1, 1, 2, 2]
    assert (found.class_names, found.groups) == (("a", "b", "c"), ("x", "x", "y"))
    assert load("mine", tmp_path).fingerprint() == found.fingerprint()
    train = load("mine:train", tmp_path)
    assert (len(train), train.classes, train.name) == (3, 3, "mine:train")
    assert npz_counts(tmp_path / "mine.npz") == (3, 6)


def test_gray_and_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", images=arrays()["images"][..., 0])
    found = load("bare", tmp_path, size=12, channels=3)
    assert found.labels is None
    assert found.images.shape == (6, 3, 12, 12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": np.array([0, 0, 1, 1, -1, 2])}, "label -1"),
        ({"images": np.full((6, 9, 9), np.nan)}, "NaN"),
        ({"images": np.full((6, 9, 9), 1.5, dtype=np.float32)}, "uint8"),
        ({"images": np.zeros((6, 9, 9), dtype=np.int16)}, "uint8"),
        ({"images": np.zeros((0, 9, 9), dtype=np.uint8)}, "empty|0"),
        ({"images": np.zeros((6, 9, 9, 5), dtype=np.uint8)}, "must be"),
        ({"labels": np.arange(5)}, "labels"),
        ({"labels": np.array([0.0, 0, 1, 1, 2, 2])}, "integers"),
        ({"labels": np.array([0, 0, 1, 1, 2, 3])}, "label 3"),
        ({"groups": np.array(["x"])}, "groups"),
        ({"split": np.array(["train"])}, "split"),
        ({"images": np.array([None] * 6, dtype=object)}, "readable|damaged|pickle"),
        ({"images": None}, "images"),
    ],
)
def test_wrong_files_are_refused_in_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    stored = {key: value for key, value in (arrays() | change).items() if value is not None}
    np.savez(tmp_path / "wrong.npz", **stored)
    with pytest.raises(UserError, match=said) as caught:
        load("wrong", tmp_path)
    assert "\n" not in str(caught.value)
    assert "wrong" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 10, 200, -30])
def test_cut_short(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.npz"
    np.savez(path, **arrays())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"cut\.npz") as caught:
        load(str(path))
    assert "\n" not in str(caught.value)
    assert npz_counts(path) == (0, 0)


def test_adapt_against_a_loop(tmp_path: Path) -> None:
    from PIL import Image

    np.savez(tmp_path / "mine.npz", **arrays())
    found = load("mine", tmp_path)
    gray = adapt(found, channels=1).images[:, 0]
    for pixels, expected in zip(gray, arrays()["images"], strict=True):
        assert np.abs(pixels.numpy().astype(int) - np.asarray(Image.fromarray(expected).convert("L"))).max() <= 1
    smaller = adapt(found, size=4).images
    for pixels, expected in zip(smaller, arrays()["images"], strict=True):
        resized = Image.fromarray(expected).resize((4, 4), Image.Resampling.BILINEAR)
        assert np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - np.asarray(resized)).max() <= 1
    assert adapt(found, size=9, channels=3) is found
