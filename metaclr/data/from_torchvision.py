"""Data sets that torchvision can read from the data root; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from episodes import ImageSet
from metaclr.console import progress
from metaclr.errors import UserError


@dataclass(frozen=True)
class Known:
    """A data set of torchvision: its class, and which of its constructor's arguments choose each part."""

    kind: str
    parts: dict[str, dict[str, Any]]
    marker: str
    """A file or folder under the data root that is there once it was downloaded."""


_TRAIN = {"train": {"train": True}, "test": {"train": False}}
_SPLIT = {"train": {"split": "train"}, "test": {"split": "test"}}
KNOWN = {
    "cifar10": Known("CIFAR10", _TRAIN, "cifar-10-batches-py"),
    "cifar100": Known("CIFAR100", _TRAIN, "cifar-100-python"),
    "mnist": Known("MNIST", _TRAIN, "MNIST"),
    "fashion_mnist": Known("FashionMNIST", _TRAIN, "FashionMNIST"),
    "svhn": Known("SVHN", _SPLIT, "train_32x32.mat"),
    "stl10": Known("STL10", {**_SPLIT, "unlabelled": {"split": "unlabeled"}}, "stl10_binary"),
    "flowers102": Known("Flowers102", {**_SPLIT, "val": {"split": "val"}}, "flowers-102"),
    "dtd": Known("DTD", {**_SPLIT, "val": {"split": "val"}}, "dtd"),
    "aircraft": Known("FGVCAircraft", {**_SPLIT, "val": {"split": "val"}}, "fgvc-aircraft-2013b"),
    "pets": Known("OxfordIIITPet", {"train": {"split": "trainval"}, "test": {"split": "test"}}, "oxford-iiit-pet"),
    "food101": Known("Food101", _SPLIT, "food-101"),
    "eurosat": Known("EuroSAT", {"": {}}, "eurosat"),
    "gtsrb": Known("GTSRB", _SPLIT, "gtsrb"),
}


def how(name: str) -> str:
    """The command that fetches it into the data root."""
    known = KNOWN[name]
    calls = [
        f"d.{known.kind}(root, download=True{''.join(f', {k}={v!r}' for k, v in chosen.items())})"
        for chosen in known.parts.values()
    ]
    return f"python -c \"import torchvision.datasets as d; root = 'DATA_ROOT'; {'; '.join(calls)}\""


def read(name: str, root: Path, size: int, channels: int, wanted: Iterable[str] | None = None) -> ImageSet:
    """The parts of a torchvision set as one image set with `split`, resized to `size` while decoding.

    Raises:
        UserError: not there (with the command that fetches it), or damaged.
    """
    import torchvision.datasets

    known = KNOWN[name]
    make: Callable[..., Any] = getattr(torchvision.datasets, known.kind)
    images, labels, split = [], [], []
    names: tuple[str, ...] = ()
    for part in wanted or [p for p in known.parts if p != "unlabelled"]:
        try:
            data = make(str(root), download=False, **known.parts[part])
        except (RuntimeError, OSError) as error:
            raise UserError(f"data set {name!r} is not in {root}; fetch it with: {how(name)}") from error
        names = tuple(map(str, getattr(data, "classes", ())))
        with progress(f"decoding {name}") as bar:
            for i in range(len(data)):
                image, label = data[i]
                images.append(_fit(image, size, channels))
                labels.append(int(label))
                bar(i + 1, len(data), "images")
        split += [part] * len(data)
    known_labels = torch.tensor(labels)
    unlabelled = bool((known_labels < 0).all())  # STL-10 says -1; here a set has labels or has none
    return ImageSet(
        torch.from_numpy(np.stack(images)),
        None if unlabelled else known_labels,
        () if unlabelled else names,
        split=() if split == [""] * len(split) else tuple(split),
        name=name,
    )


def _fit(image: Any, size: int, channels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    from PIL import Image, ImageOps

    converted = image.convert("L" if channels == 1 else "RGB")
    if converted.size != (size, size):
        converted = ImageOps.fit(converted, (size, size), method=Image.Resampling.BILINEAR)
    array = np.asarray(converted)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
