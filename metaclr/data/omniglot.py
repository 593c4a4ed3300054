"""Omniglot from its two original zip files (Lake et al. 2015), as one set of 1,623 characters."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch

from episodes import ImageSet
from metaclr.errors import UserError

ZIPS = {"images_background.zip": "train", "images_evaluation.zip": "test"}
HOW = (
    "put images_background.zip and images_evaluation.zip of github.com/brendenlake/omniglot (python/), "
    "or omniglot.npz, into the data root"
)


def from_zips(root: Path) -> ImageSet | None:
    """All 32,460 drawings (M, 1, 105, 105), ink 255 on 0, if both zip files are there; else None.

    Classes are "Alphabet/characterNN", groups the alphabets.

    Raises:
        UserError: a zip file that is damaged.
    """
    paths = [root / name for name in ZIPS] + [root / "omniglot" / name for name in ZIPS]
    found = [path for path in paths if path.is_file()]
    if len(found) < len(ZIPS):
        return None
    images, names, split = [], [], []
    for path in found[: len(ZIPS)]:
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
