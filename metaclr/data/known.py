"""The data sets that have a name: what each is, how large, where it may lie, how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaclr.data import from_torchvision, omniglot


@dataclass(frozen=True)
class Facts:
    """What is known of a data set without opening it: a line about it, classes and images as published, parts."""

    about: str
    classes: int
    images: int
    parts: tuple[str, ...] = ()
    images_of: str = ""
    """The set whose images these are, where only the classes are chosen anew."""


EMBEDDED = {
    "glyphs": Facts("characters of matplotlib's fonts; any script is a part, too", 0, 0, ("source", "held-out")),
    "digits": Facts("scikit-learn's handwritten digits, 8 x 8 enlarged", 10, 1797),
}
"""Always here: rendered or shipped with a dependency."""

_TRAIN_TEST = ("train", "test")
_THREE = ("train", "val", "test")
REAL = {
    "omniglot": Facts("handwritten characters of 50 alphabets; classes split by Vinyals", 1623, 32460, _THREE),
    "cifar10": Facts("small photographs, 32 px", 10, 60000, _TRAIN_TEST),
    "cifar100": Facts("small photographs, 32 px, 20 super-classes", 100, 60000, _TRAIN_TEST),
    "cifar_fs": Facts("CIFAR-100 by classes, 64 / 16 / 20", 100, 60000, _THREE, "cifar100"),
    "fc100": Facts("CIFAR-100 by super-classes, 60 / 20 / 20 classes", 100, 60000, _THREE, "cifar100"),
    "mnist": Facts("handwritten digits, 28 px", 10, 70000, _TRAIN_TEST),
    "fashion_mnist": Facts("clothes, 28 px", 10, 70000, _TRAIN_TEST),
    "svhn": Facts("house numbers, 32 px", 10, 99289, _TRAIN_TEST),
    "stl10": Facts("photographs, 96 px; 100,000 more as stl10:unlabelled", 10, 13000, (*_TRAIN_TEST, "unlabelled")),
    "flowers102": Facts("flowers", 102, 8189, _THREE),
    "dtd": Facts("textures", 47, 5640, _THREE),
    "aircraft": Facts("aircraft variants", 100, 10000, _THREE),
    "pets": Facts("cats and dogs by breed", 37, 7349, _TRAIN_TEST),
    "food101": Facts("dishes", 101, 101000, _TRAIN_TEST),
    "eurosat": Facts("satellite images of land use, 64 px", 10, 27000),
    "gtsrb": Facts("German traffic signs", 43, 39270, _TRAIN_TEST),
    "tiny_imagenet": Facts("200 classes of ImageNet, 64 px", 200, 110000, _TRAIN_TEST),
}
"""Looked up in the data root."""

CLASS_SPLIT = ("omniglot", "cifar_fs", "fc100")
"""Their parts are classes, by the list of the same name in episodes/splits."""


def stored_as(name: str) -> str:
    """The set whose images a named set has: cifar100 for cifar_fs."""
    facts = REAL.get(name)
    return (facts.images_of if facts else "") or name


def how_to_get(name: str, root: Path | None = None) -> str:
    """The command or the page that fetches a set into the data root."""
    base, where = stored_as(name), root or "the data root"
    if base == "omniglot":
        return omniglot.HOW
    if base == "tiny_imagenet":
        return (
            f"put tiny_imagenet.npz into {where}, or unzip http://cs231n.stanford.edu/tiny-imagenet-200.zip"
            " and name its folder: tiny-imagenet-200/train"
        )
    if base in from_torchvision.KNOWN:
        return f"put {base}.npz into {where}, or: {from_torchvision.how(base, root)}"
    return f"put {base}.npz into {where}"


def files_of(name: str, root: Path | None) -> list[Path]:
    """The files and folders of the data root that `load` would read a named set from; empty if it is not here."""
    if root is None:
        return []
    base = stored_as(name)
    packed = root / f"{base}.npz"
    if packed.is_file():
        return [packed]
    if base == "omniglot":
        return omniglot.zip_files(root)
    if base in from_torchvision.KNOWN and (marker := root / from_torchvision.KNOWN[base].marker).exists():
        return [marker]
    folder = root / base
    return [folder] if base not in from_torchvision.KNOWN and folder.is_dir() else []
