"""MedMNIST's two-dimensional sets with one label an image, 28 pixels (Yang et al. 2023, medmnist.com)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from episodes import ImageSet
from metaclr.data.adapt import adapt
from metaclr.data.arrays.exchange import read_npz
from metaclr.data.download import download
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request

_URL = "https://zenodo.org/records/10519652/files/{name}.npz?download=1"

# name: line, classes, images, md5 of its file, as in MedMNIST's info.py.
_KNOWN = {
    "pathmnist": ("colon tissue", 9, 107180, "a8b06965200029087d5bd730944a56c1"),
    "dermamnist": ("skin lesions", 7, 10015, "0744692d530f8e62ec473284d019b0c7"),
    "octmnist": ("retina sections", 4, 109309, "c68d92d5b585d8d81f7112f81e2d0842"),
    "pneumoniamnist": ("chest X-rays of children", 2, 5856, "28209eda62fecd6e6a2d98b1501bb15f"),
    "retinamnist": ("fundus images by grade", 5, 1600, "bd4c0672f1bba3e3a89f0e4e876791e4"),
    "breastmnist": ("breast ultrasound", 2, 780, "750601b1f35ba3300ea97c75c52ff8f6"),
    "bloodmnist": ("blood cells", 8, 17092, "7053d0359d879ad8a5505303e11de1dc"),
    "tissuemnist": ("kidney cells", 8, 236386, "ebe78ee8b05294063de985d821c1c34b"),
    "organamnist": ("organs in axial CT", 11, 58850, "866b832ed4eeba67bfb9edee1d5544e6"),
    "organcmnist": ("organs in coronal CT", 11, 23660, "0afa5834fb105f7705a7d93372119a21"),
    "organsmnist": ("organs in sagittal CT", 11, 25221, "e5c39f1af030238290b9557d9503af9d"),
}


def _find(name: str, root: Path) -> list[Path]:
    return [path for path in (root / "medmnist" / f"{name}.npz", root / f"{name}.npz") if path.is_file()][:1]


def _read(name: str, request: Request) -> ImageSet:
    assert request.root is not None
    found = read_npz(_find(name, request.root)[0], pixel_range=request.options.pixel_range)
    return adapt(found, size=request.size, channels=request.channels, fit=request.options.fit)


def _fetch(name: str, md5: str, root: Path) -> None:
    download(_URL.format(name=name), root / "medmnist" / f"{name}.npz", md5=md5)


def _set(name: str) -> NamedSet:
    about, classes, images, md5 = _KNOWN[name]
    how = f"metaclr data get medmnist/{name}, or put {name}.npz into DATA_ROOT/medmnist"
    return NamedSet(
        f"medmnist/{name}", f"{about}, 28 px", classes, images, ("train", "val", "test"), (f"{name}.npz",),
        lambda _: how, partial(_find, name), partial(_read, name), fetch=partial(_fetch, name, md5),
    )  # fmt: skip


SETS = tuple(map(_set, _KNOWN))
