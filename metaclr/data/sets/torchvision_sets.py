"""The data sets that torchvision reads, and the few-shot splits of CIFAR-100."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metaclr.data.named_sets import NamedSet
from metaclr.data.part_names import UNLABELLED
from metaclr.data.torchvision_reader import TorchvisionSet, torchvision_set

_TWO = ("train", "test")
_THREE = ("train", "val", "test")
_FLAG: dict[str, dict[str, Any]] = {"train": {"train": True}, "test": {"train": False}}
_SPLIT: dict[str, dict[str, Any]] = {part: {"split": part} for part in _TWO}
_SPLITS: dict[str, dict[str, Any]] = {part: {"split": part} for part in _THREE}
_STL: dict[str, dict[str, Any]] = {**_SPLIT, UNLABELLED: {"split": "unlabeled"}}
_PETS: dict[str, dict[str, Any]] = {"train": {"split": "trainval"}, "test": {"split": "test"}}

_BALANCED: dict[str, dict[str, Any]] = {
    "train": {"split": "balanced", "train": True}, "test": {"split": "balanced", "train": False},
}  # fmt: skip
_WHOLE: dict[str, dict[str, Any]] = {"": {}}

_CIFAR100 = torchvision_set(
    "cifar100", "small photographs, 32 px, 20 super-classes", 100, 60000, _TWO,
    TorchvisionSet("CIFAR100", _FLAG, "cifar-100-python", 32),
)  # fmt: skip


def _of_cifar100(name: str, about: str) -> NamedSet:
    return replace(_CIFAR100, name=name, about=about, parts=_THREE, images_of="cifar100", class_split=name)


_DTD = torchvision_set("dtd", "textures", 47, 5640, _THREE, TorchvisionSet("DTD", _SPLITS, "dtd"))
_AIRCRAFT = torchvision_set(
    "aircraft", "aircraft variants", 100, 10000, _THREE, TorchvisionSet("FGVCAircraft", _SPLITS, "fgvc-aircraft-2013b")
)


def _of_meta_dataset(base: NamedSet, about: str) -> NamedSet:
    """The images of a set, all its parts together, by the classes of Meta-Dataset (Triantafillou et al. 2020)."""
    return replace(base, name=f"meta_dataset/{base.name}", about=f"{about} (Meta-Dataset)", parts=_THREE,
                   images_of=base.name, class_split=f"meta_dataset_{base.name}")  # fmt: skip


SETS = (
    torchvision_set("cifar10", "small photographs, 32 px", 10, 60000, _TWO,
                    TorchvisionSet("CIFAR10", _FLAG, "cifar-10-batches-py", 32)),
    _CIFAR100,
    _of_cifar100("cifar_fs", "CIFAR-100 by classes, 64 / 16 / 20"),
    _of_cifar100("fc100", "CIFAR-100 by super-classes, 60 / 20 / 20 classes"),
    torchvision_set("mnist", "handwritten digits, 28 px", 10, 70000, _TWO,
                    TorchvisionSet("MNIST", _FLAG, "MNIST", 28, 1)),
    torchvision_set("fashion_mnist", "clothes, 28 px", 10, 70000, _TWO,
                    TorchvisionSet("FashionMNIST", _FLAG, "FashionMNIST", 28, 1)),
    torchvision_set("svhn", "house numbers, 32 px", 10, 99289, _TWO,
                    TorchvisionSet("SVHN", _SPLIT, "train_32x32.mat", 32)),
    torchvision_set("stl10", "photographs, 96 px; 100,000 more as stl10:unlabelled", 10, 13000, (*_TWO, UNLABELLED),
                    TorchvisionSet("STL10", _STL, "stl10_binary", 96)),
    torchvision_set("flowers102", "flowers", 102, 8189, _THREE, TorchvisionSet("Flowers102", _SPLITS, "flowers-102")),
    _DTD,
    _of_meta_dataset(_DTD, "textures, 33 / 7 / 7"),
    _AIRCRAFT,
    _of_meta_dataset(_AIRCRAFT, "aircraft variants, 70 / 15 / 15"),
    torchvision_set("pets", "cats and dogs by breed", 37, 7349, _TWO,
                    TorchvisionSet("OxfordIIITPet", _PETS, "oxford-iiit-pet")),
    torchvision_set("food101", "dishes", 101, 101000, _TWO, TorchvisionSet("Food101", _SPLIT, "food-101")),
    torchvision_set("eurosat", "satellite images of land use, 64 px", 10, 27000, (),
                    TorchvisionSet("EuroSAT", _WHOLE, "eurosat", 64)),
    torchvision_set("kmnist", "cursive Japanese characters, 28 px", 10, 70000, _TWO,
                    TorchvisionSet("KMNIST", _FLAG, "KMNIST", 28, 1)),
    torchvision_set("emnist", "handwritten digits and letters, 28 px; its balanced split", 47, 131600, _TWO,
                    TorchvisionSet("EMNIST", _BALANCED, "EMNIST", 28, 1, transposed=True)),
    torchvision_set("caltech101", "objects, one kind an image", 101, 8677, (),
                    TorchvisionSet("Caltech101", _WHOLE, "caltech101")),
    torchvision_set("sun397", "scenes", 397, 108754, (), TorchvisionSet("SUN397", _WHOLE, "SUN397")),
    torchvision_set("patch_camelyon", "lymph node sections with or without a tumor, 96 px; needs h5py", 2, 327680,
                    _THREE, TorchvisionSet("PCAM", _SPLITS, "pcam", 96)),
    torchvision_set("cars", "car models by maker and year", 196, 16185, _TWO,
                    TorchvisionSet("StanfordCars", _SPLIT, "stanford_cars")),
    torchvision_set("gtsrb", "German traffic signs", 43, 39270, _TWO, TorchvisionSet("GTSRB", _SPLIT, "gtsrb", 32)),
)  # fmt: skip
