"""Omniglot from its two original zip files (Lake et al. 2015): 1,623 characters, with quarter turns or upright."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from episodes import ImageSet
from metaclr.data.adapt import adapt
from metaclr.data.cache import cached, stamp
from metaclr.data.download import download
from metaclr.data.folders.folders import folder_set
from metaclr.data.named_sets import NamedSet, folder_of
from metaclr.data.request import Request
from metaclr.errors import UserError

ZIPS = {"images_background.zip": "train", "images_evaluation.zip": "test"}
_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
_MD5 = {
    "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
}
"""As torchvision has them."""
HOW = (
    "metaclr data get omniglot, or put images_background.zip and images_evaluation.zip of"
    " github.com/brendenlake/omniglot (python/), or omniglot.npz, into the data root"
)


def zip_files(root: Path) -> list[Path]:
    """The two zip files, in the data root or in its folder "omniglot"; empty unless both are there."""
    for folder in (root, root / "omniglot"):
        found = [folder / name for name in ZIPS]
        if all(path.is_file() for path in found):
            return found
    return []


def from_zips(root: Path) -> ImageSet:
    """All 32,460 drawings (M, 1, 105, 105), ink 255 on 0; classes are "Alphabet/characterNN", groups the alphabets.

    Raises:
        UserError: a zip file that is missing or damaged.
    """
    found = zip_files(root)
    if not found:
        raise UserError(f"data set 'omniglot' is not in {root}: {HOW}")
    images, names, split = [], [], []
    for path in found:
        try:
            with zipfile.ZipFile(path) as archive:
                for member in sorted(m for m in archive.namelist() if m.endswith(".png") and "__MACOSX" not in m):
                    images.append(_ink(archive.read(member)))
                    names.append("/".join(member.split("/")[-3:-1]))
                    split.append(ZIPS[path.name])
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{path}: not a readable zip file ({error})") from error
    classes = sorted(set(names))
    index = {name: i for i, name in enumerate(classes)}
    return ImageSet(
        torch.from_numpy(np.stack(images))[:, None],
        torch.tensor([index[name] for name in names]),
        tuple(classes),
        tuple(name.split("/")[0] for name in classes),
        tuple(split),
        "omniglot",
    )


def _ink(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    from PIL import Image

    return np.where(np.asarray(Image.open(io.BytesIO(data)).convert("L")) < 128, 255, 0).astype(np.uint8)


def _fetch(root: Path) -> None:
    for name, md5 in _MD5.items():
        download(_URL + name, root / name, md5=md5)


def _find(root: Path) -> list[Path]:
    return zip_files(root) or folder_of("omniglot")(root)


def _read(request: Request) -> ImageSet:
    assert request.root is not None
    root, size, channels = request.root, request.size, request.channels
    zips = zip_files(root)
    if not zips:
        return folder_set(root / "omniglot", size, channels, options=request.options, cache_in=request.cache)
    key = {"name": "omniglot", "files": [stamp(path) for path in zips], "size": size, "channels": channels}
    return cached(key, lambda _: adapt(from_zips(root), size=size, channels=channels), request.cache)


_OMNIGLOT = NamedSet(
    "omniglot",
    "handwritten characters of 50 alphabets and their quarter turns; classes split by Vinyals",
    4 * 1623,
    4 * 32460,
    ("train", "val", "test"),
    tuple(ZIPS),
    lambda _: HOW,
    _find,
    _read,
    class_split="omniglot",
    fetch=_fetch,
    turned=True,
)

SETS = (
    _OMNIGLOT,
    replace(
        _OMNIGLOT,
        name="omniglot_upright",
        about="the same characters as drawn, without turns: not the published protocol",
        classes=1623,
        images=32460,
        images_of="omniglot",
        turned=False,
    ),
)
