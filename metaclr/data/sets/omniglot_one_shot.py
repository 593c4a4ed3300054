"""Omniglot's official one-shot runs: 20 tasks of 20 ways within an alphabet (Lake et al. 2015)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from episodes import EpisodeTable, ImageSet
from metaclr.data.adapt import adapt
from metaclr.data.download import download
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request
from metaclr.errors import UserError

RUNS, WAYS = 20, 20
_FILE = "all_runs.zip"
_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/one-shot-classification/all_runs.zip"


def _find(root: Path) -> list[Path]:
    return [path for path in (root / "omniglot_one_shot" / _FILE, root / _FILE) if path.is_file()][:1]


def _fetch(root: Path) -> None:
    download(_URL, root / "omniglot_one_shot" / _FILE)


def _read(request: Request) -> ImageSet:
    assert request.root is not None
    return adapt(from_zip(_find(request.root)[0]), size=request.size, channels=request.channels)


def from_zip(path: Path) -> ImageSet:
    """800 drawings (800, 1, 105, 105), ink 255 on 0: per run 20 to learn from, then those to be recognized.

    A class is "run01/class01" and has two images, by two people. Runs count once each in intervals (`copies_of`).

    Raises:
        UserError: a damaged file.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for run in (f"run{number:02d}" for number in range(1, RUNS + 1)):
                for way in range(1, WAYS + 1):
                    images.append(_ink(archive.read(f"{run}/training/class{way:02d}.png")))
                    labels.append(len(names))
                    names.append(f"{run}/class{way:02d}")
                for line in archive.read(f"{run}/class_labels.txt").decode().split("\n"):
                    if line.strip():
                        test, training = line.split()
                        images.append(_ink(archive.read(test)))
                        labels.append(names.index(f"{run}/{Path(training).stem}"))
    except (zipfile.BadZipFile, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not the official runs ({error}); metaclr data get omniglot_one_shot") from error
    runs = tuple(name.split("/")[0] for name in names)
    pixels = torch.from_numpy(np.stack(images))[:, None]
    return ImageSet(pixels, torch.tensor(labels), tuple(names), runs, name="omniglot_one_shot", copies_of=runs)


def runs_table(images: ImageSet) -> EpisodeTable:
    """The 20 runs as episodes: support (20, 20, 1) the drawings to learn from, query (20, 20, 1) the others."""
    labels = images.required_labels()
    order = labels.argsort(stable=True).view(RUNS, WAYS, 2)
    return EpisodeTable(order[..., :1].contiguous(), order[..., 1:].contiguous(), images.fingerprint(), 0)


def _ink(data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    return np.where(np.asarray(Image.open(io.BytesIO(data)).convert("L")) < 128, 255, 0).astype(np.uint8)


SETS = (
    NamedSet(
        "omniglot_one_shot", "the 20 official one-shot runs of Omniglot, 20 ways within an alphabet", RUNS * WAYS,
        2 * RUNS * WAYS, (), (f"omniglot_one_shot/{_FILE}",),
        lambda _: "metaclr data get omniglot_one_shot, or put all_runs.zip of github.com/brendenlake/omniglot"
        " (python/one-shot-classification/) into DATA_ROOT/omniglot_one_shot",
        _find, _read,
        fetch=_fetch,
        episodes=runs_table,
    ),
)  # fmt: skip
