"""scikit-learn's handwritten digits: a real cross-data-set target that needs no download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request

TABLE = "datasets/data/digits.csv.gz"


def digits(size: int = 28) -> ImageSet:
    """1,797 digits of 43 writers, (1797, 1, size, size), 10 classes, smoothly enlarged from 8 x 8.

    Source: E. Alpaydin and C. Kaynak, UCI "Optical Recognition of Handwritten Digits" (1998), its test part.
    """
    counts, labels = read_counts()
    small = torch.tensor(counts, dtype=torch.float32).unsqueeze(1) * (255 / 16)
    # The 8 x 8 counts fill the frame; other line drawings have a margin, and get one here.
    inner = round(size * 0.8)
    large = F.interpolate(small, size=(inner, inner), mode="bicubic", align_corners=False, antialias=True)
    left = (size - inner) // 2
    framed = F.pad(large, (left, size - inner - left, left, size - inner - left))
    images = framed.round().clamp(0, 255).to(torch.uint8)
    return ImageSet(images, torch.tensor(labels), class_names=tuple("0123456789"), name="digits")


def read_counts() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Counts 0 to 16 of each image (1797, 8, 8), and labels, as scikit-learn's `load_digits` has them.

    The table inside scikit-learn is read without importing it, which takes a second or more.
    """
    package = find_spec("sklearn")
    path = Path(package.origin).parent / TABLE if package and package.origin else Path(TABLE)
    if not path.is_file():
        from sklearn.datasets import load_digits

        stored = load_digits()
        return stored.images, stored.target
    table = np.loadtxt(path, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def _read(request: Request) -> ImageSet:
    size = request.size or 28
    return cached({"name": "digits", "size": size}, lambda _: digits(size), request.cache)


SETS = (NamedSet("digits", "scikit-learn's handwritten digits, 8 x 8 enlarged", 10, 1797, read=_read),)
