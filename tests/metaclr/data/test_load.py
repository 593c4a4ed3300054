from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from metaclr.data import catalogue, load, names
from metaclr.data.sets import digits
from metaclr.errors import UserError


def test_importing_is_light() -> None:
    code = (
        "import sys, metaclr.data; print([m for m in ('torchvision','sklearn','matplotlib','PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digits_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    found = load("digits", size=10)
    assert (len(found), found.classes, found.size) == (1797, 10, (10, 10))
    raw = load_digits()
    counts, labels = digits.read_counts()
    assert np.array_equal(counts, raw.images)
    assert np.array_equal(labels, raw.target)
    monkeypatch.setattr(digits, "TABLE", "elsewhere")
    assert np.array_equal(digits.read_counts()[0], raw.images)
    assert torch.equal(found.images[:, 0, 1:9, 1:9].double(), torch.tensor(raw.images * 255 / 16).round())
    assert found.required_labels().tolist() == raw.target.tolist()
    assert load("digits").size == (28, 28)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("omniglt", "did you mean 'omniglot'"),
        ("glyhps", "did you mean 'glyphs'"),
        ("digits:train", "no parts"),
        ("mine:trian", "did you mean 'train'"),
        ("nowhere/at/all", "no such"),
        ("nowhere.npz", "no such"),
        ("omniglot", "images_background.zip"),
        ("cifar_fs:test", r"CIFAR100\(root, download=True"),
        ("gtsrb", r"GTSRB\(root, download=True"),
        ("tiny_imagenet", "tiny-imagenet-200.zip"),
    ],
)
def test_wrong_names_are_refused_in_one_line(tmp_path: Path, name: str, said: str) -> None:
    np.savez(tmp_path / "mine.npz", images=np.zeros((2, 4, 4), np.uint8), split=np.array(["train", "test"]))
    with pytest.raises(UserError, match=said) as caught:
        load(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_wrong_roots_and_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METACLR_DATA", raising=False)
    with pytest.raises(UserError, match="METACLR_DATA"):
        load("cifar10")
    with pytest.raises(UserError, match="no such folder"):
        load("cifar10", tmp_path / "nowhere")
    with pytest.raises(UserError, match="size 0"):
        load("digits", size=0)
    with pytest.raises(UserError, match="channels 2"):
        load("digits", channels=2)


def test_every_known_name_is_in_the_catalogue(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=np.zeros((2, 4, 4), np.uint8))
    (tmp_path / "broken.npz").write_bytes(b"")
    entries = {entry.name: entry for entry in catalogue(tmp_path)}
    assert set(names()) <= set(entries)
    assert entries["mine"].available
    assert entries["mine"].images == 2
    assert not entries["broken"].available
    assert entries["glyphs"].available
    assert not entries["stl10"].available
    assert "STL10(root, download=True" in entries["stl10"].how


def test_a_folder_of_the_name_of_a_set_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load("digits")) == 1797


def test_torchvisions_cifar_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = {}
    for name, _ in CIFAR10.train_list + CIFAR10.test_list:
        pixels[name] = rng.integers(0, 256, (4, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels[name], "labels": [0, 1, 2, 3]}))
    label_names = {"label_names": [f"c{i}" for i in range(4)]}
    (folder / CIFAR10.meta["filename"]).write_bytes(pickle.dumps(label_names))
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda _: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    found = load("cifar10", tmp_path)
    assert found.images.shape == (24, 3, 32, 32)
    assert found.class_names == ("c0", "c1", "c2", "c3")
    test = load("cifar10:test", tmp_path)
    assert torch.equal(test.images, torch.from_numpy(pixels["test_batch"]).reshape(4, 3, 32, 32))
    assert set(test.split) == {"test"}
    with pytest.raises(UserError, match="did you mean 'test'"):
        load("cifar10:tset", tmp_path)


def test_a_broken_download_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(UserError, match=r"not whole.*CIFAR10\(root, download=True"):
        load("cifar10", tmp_path)


def test_omniglot_from_its_zips(tmp_path: Path) -> None:
    from episodes.splits import class_split

    parts = class_split("omniglot")
    some = [name for part in parts.values() for name in part[:2]]
    for archive, chosen in (("background", some[:4]), ("evaluation", some[4:])):
        with zipfile.ZipFile(tmp_path / f"images_{archive}.zip", "w") as stored:
            for name in chosen:
                for drawer in (1, 2):
                    sheet = Image.new("1", (105, 105), 1)
                    sheet.putpixel((5, drawer), 0)
                    data = io.BytesIO()
                    sheet.save(data, format="PNG")
                    stored.writestr(f"images_{archive}/{name}/0001_{drawer:02}.png", data.getvalue())
    from metaclr.data.sets.omniglot import from_zips

    found = from_zips(tmp_path)
    assert found.images.shape == (12, 1, 105, 105)
    assert found.class_names == tuple(sorted(some))
    assert int(found.images[0].sum()) == 255
    assert int(found.images[0, 0, 1, 5]) == 255
    with pytest.raises(UserError, match="needs class"):  # six of the 1,623 characters
        load("omniglot:test", tmp_path)


REAL = Path(os.environ.get("METACLR_DATA", ""))


def needs(name: str) -> pytest.MarkDecorator:
    here = bool(os.environ.get("METACLR_DATA")) and (REAL / f"{name}.npz").is_file()
    return pytest.mark.skipif(not here, reason=f"{name}.npz is not in METACLR_DATA")


@needs("omniglot")
def test_omniglot_and_the_vinyals_split() -> None:
    whole = load("omniglot_upright", REAL, size=28)
    assert (len(whole), whole.classes, len(set(whole.groups))) == (32460, 1623, 50)
    assert set(whole.split) == {"train", "val", "test"}
    sizes = {
        part: load(f"omniglot_upright:{part}", REAL, size=28).classes for part in ("train", "val", "test", "train+val")
    }
    assert sizes == {"train": 1028, "val": 172, "test": 423, "train+val": 1200}


@needs("cifar100")
@pytest.mark.parametrize(("name", "sizes"), [("cifar_fs", (64, 16, 20)), ("fc100", (60, 20, 20))])
def test_few_shot_splits_of_cifar100(name: str, sizes: tuple[int, int, int]) -> None:
    parts = [load(f"{name}:{part}", REAL, size=8, channels=1) for part in ("train", "val", "test")]
    assert tuple(part.classes for part in parts) == sizes
    assert all(bool((part.class_counts() == 600).all()) for part in parts)
    assert len({name for part in parts for name in part.class_names}) == 100
    if name == "fc100":  # whole super-classes apart
        assert sum(len(set(part.groups)) for part in parts) == 20


@needs("mnist")
def test_parts_of_a_file_are_those_it_has() -> None:
    assert len(load("mnist:test", REAL)) == 10000
    with pytest.raises(UserError, match="part of mnist"):
        load("mnist:train", REAL)
