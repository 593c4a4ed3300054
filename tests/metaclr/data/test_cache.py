from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from episodes import EpisodeError, ImageSet, StoredImages
from metaclr.data import cache
from metaclr.data.cache import cached
from metaclr.data.scratch import Allocate

DEAD = 2**22 + 7  # above the largest pid of Linux


def small(_: Allocate) -> ImageSet:
    images = torch.arange(2 * 16, dtype=torch.uint8).reshape(2, 1, 4, 4)
    return ImageSet(images, torch.tensor([0, 1]), ("a", "b"), ("x", "y"), ("train", "test"), "small")


def never(_: Allocate) -> ImageSet:
    raise AssertionError("made again")


def same(one: ImageSet, two: ImageSet) -> bool:
    fields = ("class_names", "groups", "split", "name")
    return one.fingerprint() == two.fingerprint() and all(getattr(one, f) == getattr(two, f) for f in fields)


def test_made_once(tmp_path: Path) -> None:
    made = cached({"name": "s"}, small, tmp_path)
    assert same(cached({"name": "s"}, never, tmp_path), made)
    with pytest.raises(AssertionError):
        cached({"name": "s", "size": 2}, never, tmp_path)
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "facts.json"])
@pytest.mark.parametrize("kept", [None, 0, 40])
def test_a_damaged_set_is_made_again(tmp_path: Path, file: str, kept: int | None) -> None:
    made = cached({"name": "s"}, small, tmp_path)
    path = next(tmp_path.iterdir()) / file
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:kept])
    assert same(cached({"name": "s"}, small, tmp_path), made)
    assert same(cached({"name": "s"}, never, tmp_path), made)


def test_a_large_set_is_decoded_and_read_through_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGE", 100)

    def make(allocate: Allocate) -> ImageSet:
        images = allocate((10, 1, 4, 4))
        assert isinstance(images, np.memmap)
        images[:] = np.arange(160, dtype=np.uint8).reshape(10, 1, 4, 4)
        return ImageSet(torch.from_numpy(images[:8]), torch.arange(8), name="large")

    made = cached({"name": "l"}, make, tmp_path)
    assert isinstance(made.images, StoredImages)
    assert torch.equal(made.images[:].flatten(), torch.arange(128, dtype=torch.uint8))
    assert made.fingerprint() == replace(made, images=made.images[:]).fingerprint()
    place = next(tmp_path.iterdir())
    assert sorted(p.name for p in place.iterdir()) == ["facts.json", "images.npy", "labels.npy"]
    made.images[:4][:] = 9  # a copy: the file stays as it is
    assert np.array_equal(np.load(place / "images.npy").ravel(), np.arange(128))
    (place / "images.npy").write_bytes((place / "images.npy").read_bytes()[:-1])
    with pytest.raises(EpisodeError, match="cut short, 255 bytes of 256"):
        made.images[7]
    assert same(
        cached({"name": "l"}, make, tmp_path),
        replace(made, images=torch.arange(128, dtype=torch.uint8).view(8, 1, 4, 4)),
    )


def test_an_unwritable_folder_costs_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache._notify_once.cache_clear()
    for _ in range(3):
        assert len(cached({"name": "s"}, small, blocked / "cache")) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "cannot be written" in said[0]


def test_a_full_disk_costs_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    cache._notify_once.cache_clear()
    monkeypatch.setattr(np, "save", full)
    assert len(cached({"name": "s"}, small, tmp_path)) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from tests_small import small
import metaclr.data.cache as cache
real = np.save
def slow(path, array):
    real(path, array)
    print("writing", flush=True)
    time.sleep(60)
np.save = slow
cache.cached({"name": "s"}, small, Path(sys.argv[1]))
"""


def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    (tmp_path / "tests_small.py").write_text(
        "import torch\nfrom episodes import ImageSet\n"
        "def small(_):\n    return ImageSet(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), name='killed')\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(cache.__file__).parents[2])])
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert [p.name[0] for p in folder.iterdir()] == ["."]
    assert same(cached({"name": "s"}, small, folder), cached({"name": "s"}, never, folder))


@pytest.mark.parametrize(("pid", "host", "days", "removed"), [
    (DEAD, "here", 0, True),  # killed on this machine
    (os.getppid(), "here", 2, False),  # still at work
    (DEAD, "0123abcd", 2, True),  # of another machine, whose processes nobody can see from here
    (DEAD, "0123abcd", 0, False),
])  # fmt: skip
def test_what_killed_writers_left_is_removed(tmp_path: Path, pid: int, host: str, days: int, removed: bool) -> None:
    left = tmp_path / f".s-{'0' * 16}.{pid}-{cache._host() if host == 'here' else host}89abcdef"
    left.mkdir()
    age(left, days)
    cached({"name": "s"}, small, tmp_path)
    assert left.exists() != removed


def test_a_cache_in_a_home_folder_removes_nothing_of_the_user(tmp_path: Path) -> None:
    """METACLR_CACHE=$HOME: hidden folders and files that are older than a day stay."""
    part = f".s-{'0' * 16}.{DEAD}-0123abcd89abcdef"
    folders = [".ssh", ".config", ".git", ".cache", ".s-0123.9-abcd", f".s-{'0' * 16}", part[1:], f"{part}.bak"]
    for name in folders:
        (tmp_path / name).mkdir()
        (tmp_path / name / "id").write_text("kept")
    (tmp_path / ".bashrc").write_text("kept")
    (tmp_path / f".t-{'0' * 16}.{DEAD}-0123abcd89abcdef").symlink_to(tmp_path / ".ssh")
    before = sorted(tmp_path.rglob("*"))
    for path in before:
        age(path, 400)
    cached({"name": "s"}, small, tmp_path)
    assert set(before) <= set(tmp_path.rglob("*"))


def age(path: Path, days: int) -> None:
    old = time.time() - days * 24 * 3600
    os.utime(path, (old, old), follow_symlinks=False)
