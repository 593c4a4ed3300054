"""Folders of videos: their clips, classes and parts; skipped where PyAV is missing, which one error line names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metaclr
from metaclr.data import load
from metaclr.errors import UserError


def av() -> Any:
    return pytest.importorskip("av", reason="PyAV is not installed")


def write(path: Path, frames: int, shade: int = 0) -> None:
    """A video whose frame i is gray of level shade + 8 i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av().open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 32, 32, "yuv420p", 4_000_000
        for i in range(frames):
            pixels = np.full((32, 32, 3), shade + 8 * i, np.uint8)
            for packet in stream.encode(av().VideoFrame.from_ndarray(pixels, format="rgb24")):
                video.mux(packet)
        for packet in stream.encode():
            video.mux(packet)


def test_frames_are_evenly_spaced_and_folders_are_classes(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path / "ab"[i % 2] / f"{i}.mp4", 31 if i < 3 else 8)
    found = load(str(tmp_path), size=16)
    assert found.class_names == ("a", "b")
    assert found.files == ("a/0.mp4", "a/2.mp4", "b/1.mp4", "b/3.mp4")
    assert found.clips is not None
    assert found.clips.shape == (4, 16, 3, 16, 16)
    levels = found.clips.float().mean((2, 3, 4))
    expected = 8 * np.linspace(0, 30, 16)
    assert np.abs(levels[0].numpy() - expected).max() < 6  # the codec is lossy
    assert (levels.diff(dim=1) > -2).all()
    assert abs(float(found.images[0].float().mean()) - expected[8]) < 6
    again = load(str(tmp_path), size=16)  # from the cache
    assert (again.clips == found.clips).all()  # type: ignore[union-attr]
    overrides = ["size=16", "encoder.options={width=4}", "train.batch_views=8"]
    for method in ("r3m", "simclr(positives=time)"):
        name, _, rest = method.partition("(")
        settings = {"positives": "time"} if rest else {}
        metaclr.train(name, found, settings=settings, steps=2, overrides=overrides, device="cpu", quiet=True)


def test_parts_and_damaged_files(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part / "a" / "x.mp4", 4)
        write(tmp_path / part / "b" / "y.mp4", 4, 100)
    found = load(str(tmp_path), size=16)
    assert found.split == ("test", "test", "train", "train")
    assert len(load(f"{tmp_path}:train", size=16)) == 2
    (tmp_path / "train" / "a" / "z.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"1 unreadable image, first .*z\.mp4"):
        load(str(tmp_path), size=16)
    assert len(load(str(tmp_path), size=16, on_corrupt="skip")) == 4


def test_how_to_get_it_is_said_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "x.mp4").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds videos.*pip install 'metaclr\[video\]'") as error:
        load(str(tmp_path), size=16)
    assert "\n" not in str(error.value)
