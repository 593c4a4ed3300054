"""Data sets that torchvision can read from the data root; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from episodes import ImageSet
from metaclr.console import progress
from metaclr.data.decode import OWN_SIZE, decode
from metaclr.data.folders import OnCorrupt, report_unreadable
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Known:
    """A data set of torchvision: its class, and which of its constructor's arguments choose each part."""

    kind: str
    parts: dict[str, dict[str, Any]]
    marker: str
    """A file or folder under the data root that is there once it was downloaded."""
    size: int = OWN_SIZE
    """Pixels of either side unless another size is asked for."""
    channels: int = 3


UNLABELLED = "unlabelled"
"""STL-10's 100,000 images that nobody labelled: a part to ask for by name, never among the others."""

_TRAIN = {"train": {"train": True}, "test": {"train": False}}
_SPLIT = {"train": {"split": "train"}, "test": {"split": "test"}}
_THREE = {"train": {"split": "train"}, "val": {"split": "val"}, "test": {"split": "test"}}
KNOWN = {
    "cifar10": Known("CIFAR10", _TRAIN, "cifar-10-batches-py", 32),
    "cifar100": Known("CIFAR100", _TRAIN, "cifar-100-python", 32),
    "mnist": Known("MNIST", _TRAIN, "MNIST", 28, 1),
    "fashion_mnist": Known("FashionMNIST", _TRAIN, "FashionMNIST", 28, 1),
    "svhn": Known("SVHN", _SPLIT, "train_32x32.mat", 32),
    "stl10": Known("STL10", {**_SPLIT, UNLABELLED: {"split": "unlabeled"}}, "stl10_binary", 96),
    "flowers102": Known("Flowers102", _THREE, "flowers-102"),
    "dtd": Known("DTD", _THREE, "dtd"),
    "aircraft": Known("FGVCAircraft", _THREE, "fgvc-aircraft-2013b"),
    "pets": Known("OxfordIIITPet", {"train": {"split": "trainval"}, "test": {"split": "test"}}, "oxford-iiit-pet"),
    "food101": Known("Food101", _SPLIT, "food-101"),
    "eurosat": Known("EuroSAT", {"": {}}, "eurosat", 64),
    "gtsrb": Known("GTSRB", _SPLIT, "gtsrb", 32),
}


def how(name: str, root: Path | None = None) -> str:
    """The command that fetches it into the data root."""
    known = KNOWN[name]
    calls = [
        f"d.{known.kind}(root, download=True{''.join(f', {k}={v!r}' for k, v in chosen.items())})"
        for chosen in known.parts.values()
    ]
    return f"python -c \"import torchvision.datasets as d; root = '{root or 'DATA_ROOT'}'; {'; '.join(calls)}\""


def read(
    name: str,
    root: Path,
    allocate: Allocate,
    *,
    parts: tuple[str, ...] = (),
    size: int | None = None,
    channels: int | None = None,
    on_corrupt: OnCorrupt = "error",
) -> ImageSet:
    """Some parts of a torchvision set (default all but the unlabelled one) with `split`, resized while decoding.

    Raises:
        UserError: not there or damaged (with the command that fetches it), an unknown part, unreadable images.
    """
    import torchvision.datasets

    known = KNOWN[name]
    for part in parts:
        if part not in known.parts:
            raise unknown(f"part of {name}", part, set(known.parts) - {""})
    make: Callable[..., Any] = getattr(torchvision.datasets, known.kind)
    chosen = parts or tuple(part for part in known.parts if part != UNLABELLED)
    try:
        opened = [(part, make(str(root), download=False, **known.parts[part])) for part in chosen]
    except (RuntimeError, OSError) as error:
        raise UserError(f"data set {name!r} is not whole in {root}; fetch it with: {how(name, root)}") from error
    labels: list[int] = []
    items = [(data, i) for _, data in opened for i in range(len(data))]
    labels = [-1] * len(items)
    side = size or known.size
    images = allocate((len(items), channels or known.channels, side, side))
    with progress(f"decoding {name}") as bar:
        readers = [partial(_image, data, i, place, labels) for place, (data, i) in enumerate(items)]
        bad = decode(readers, images, partial(bar, note="images"))
    if bad:
        report_unreadable(name, [f"image {i}: {why}" for i, why in bad.items()], on_corrupt)
    kept = [i for i in range(len(items)) if i not in bad]
    for place, i in enumerate(kept if bad else ()):
        images[place] = images[i]
    split = [part for part, data in opened for _ in range(len(data))]
    unlabelled = UNLABELLED in chosen  # torchvision says -1 there; a set has labels or it has none
    return ImageSet(
        torch.from_numpy(images[: len(kept)]),
        None if unlabelled else torch.tensor([labels[i] for i in kept]),
        () if unlabelled else _class_names(opened[0][1], max(labels) + 1),
        split=() if "" in chosen else tuple(split[i] for i in kept),
        name=name,
    )


def _image(data: Any, i: int, place: int, labels: list[int]) -> Image:
    """Image i of a torchvision set; notes its label on the way."""
    image, label = data[i]
    labels[place] = int(label)
    opened: Image = image
    return opened


def _class_names(data: Any, classes: int) -> tuple[str, ...]:
    names = tuple(map(str, getattr(data, "classes", None) or ()))
    return names if len(names) == classes else tuple(map(str, range(classes)))
