from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from metaclr.data import load
from metaclr.errors import UserError


def picture(path: Path, color: Sequence[int] | int, size: tuple[int, int] = (12, 12)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "L" if isinstance(color, int) else "RGB"
    Image.new(mode, size, color if isinstance(color, int) else tuple(color)).save(path)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    root = tmp_path / "birds"
    for label, name in enumerate(("owl", "wren", "kite")):
        for i in range(3):
            picture(root / name / f"{i}.png", (40 * label, 20 * i, 7))
    return root


def test_classes_are_folders(birds: Path) -> None:
    found = load(str(birds), size=8)
    assert found.class_names == ("kite", "owl", "wren")
    assert found.images.shape == (9, 3, 8, 8)
    assert found.required_labels().tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert found.images[0, :, 0, 0].tolist() == [80, 0, 7]
    assert found.images[8, :, 4, 4].tolist() == [40, 40, 7]
    assert load("birds", birds.parent, size=8).fingerprint() == found.fingerprint()
    assert load(str(birds), size=8, channels=1).channels == 1


def test_short_side_then_center(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 60), dtype=np.uint8)
    (tmp_path / "set" / "a").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "set" / "a" / "wide.png")
    found = load(str(tmp_path / "set"), size=10, channels=1)
    resized = Image.fromarray(pixels).resize((30, 10), Image.Resampling.BILINEAR).crop((10, 0, 20, 10))
    assert np.abs(found.images[0, 0].numpy().astype(int) - np.asarray(resized)).max() <= 1


def test_decoded_once_and_again_when_a_file_changes(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(str(birds), size=8).fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", None)
        assert load(str(birds), size=8).fingerprint() == first
    picture(birds / "owl" / "3.png", (9, 9, 9))
    assert len(load(str(birds), size=8)) == 10


def test_parts_and_groups_by_folders(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for part in ("train", "val"):
        for name in ("Greek/alpha", "Greek/beta", "Latin/a"):
            for i in range(2):
                picture(root / part / name / f"{i}.png", 100)
    found = load(str(root), size=8)
    assert found.class_names == ("Greek/alpha", "Greek/beta", "Latin/a")
    assert found.groups == ("Greek", "Greek", "Latin")
    assert (len(load(f"{root}:val", size=8)), load(f"{root}:val", size=8).classes) == (6, 3)
    with pytest.raises(UserError, match="did you mean 'train'"):
        load(f"{root}:tarin", size=8)


def test_unreadable_files(birds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (birds / "owl" / "1.png").write_bytes(b"no picture")
    whole = (birds / "wren" / "2.png").read_bytes()
    (birds / "wren" / "2.png").write_bytes(whole[:40])
    with pytest.raises(UserError, match=r"2 unreadable images, first .*owl.1\.png") as caught:
        load(str(birds), size=8)
    assert "\n" not in str(caught.value)
    listed = Path(str(caught.value).split("listed in ")[1].split(";")[0]).read_text().splitlines()
    assert len(listed) == 2
    found = load(str(birds), size=8, on_corrupt="skip")
    assert found.required_labels().tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert found.images[:, :2, 0, 0].tolist() == [[80, 0], [80, 20], [80, 40], [0, 0], [0, 40], [40, 0], [40, 20]]
    assert "skipped" in capsys.readouterr().err
    with pytest.raises(UserError, match="unreadable"):
        load(str(birds), size=8)


def test_a_class_without_a_readable_image(birds: Path) -> None:
    for i in range(3):
        (birds / "owl" / f"{i}.png").write_bytes(b"")
    with pytest.raises(UserError, match="no readable image in class 'owl'"):
        load(str(birds), size=8, on_corrupt="skip")


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such"):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no class folders"):
        load(str(tmp_path))
    picture(tmp_path / "loose.png", 3)
    assert load(str(tmp_path)).labels is None
    (tmp_path / "owl").mkdir()
    with pytest.raises(UserError, match=r"owl: no image in this class folder"):
        load(str(tmp_path))


def test_odd_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "a"
    folder.mkdir(parents=True)
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    clear.save(folder / "0-clear.png")
    Image.fromarray(np.full((10, 10), 65535, dtype=np.uint16)).save(folder / "1-deep.png")
    Image.new("P", (10, 10), 0).save(folder / "2-palette.png")
    Image.new("1", (10, 10), 1).save(folder / "3-bits.png")
    found = load(str(tmp_path / "set"), size=8, channels=1)
    assert torch.equal(found.images[:, 0, 4, 4], torch.tensor([255, 255, 0, 255], dtype=torch.uint8))
