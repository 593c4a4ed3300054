"""ImageNet, and the few-shot sets that are chosen from its classes by published lists."""

from __future__ import annotations

from pathlib import Path

from episodes import ImageSet
from metaclr.data.folders.folders import folder_set
from metaclr.data.folders.listing import list_images
from metaclr.data.named_sets import NamedSet
from metaclr.data.published.class_lists import match_classes, only_listed, read_listed, wanted_parts
from metaclr.data.published.image_lists import choose_images
from metaclr.data.request import Request
from metaclr.data.tree.file_tree import read_tree

_THREE = ("train", "val", "test")
_PAGE = "image-net.org/download (an account is needed)"

TRAIN_FOLDERS = ("imagenet/train", "ILSVRC2012/train", "ILSVRC/Data/CLS-LOC/train", "ILSVRC2012_img_train",
                 "imagenet")  # fmt: skip
"""Where ImageNet's training images are looked for in the data root: class folders named by WordNet id."""


def imagenet_train(root: Path) -> Path | None:
    """The folder of ImageNet's training images in a data root."""
    return next((root / name for name in TRAIN_FOLDERS if (root / name).is_dir()), None)


def subset(
    name: str, about: str, split: str, images: int, classes: int, *,
    homes: tuple[str, ...], pickles: str = "", per_class: int = 0, how: str, parts: tuple[str, ...] = _THREE,
) -> NamedSet:  # fmt: skip
    """A set of some classes of ImageNet.

    Args:
        split: its class list. homes: names of its own folder. pickles: a pattern of caches in the data root.
        per_class: images of a class, where they are fewer than ImageNet's; 0 for all.
    """

    def home(root: Path) -> Path | None:
        return next((root / one for one in homes if (root / one).is_dir()), None)

    def find(root: Path) -> list[Path]:
        own = home(root)
        if own is not None and _holds_images(own):
            return [own]
        caches = sorted(root.glob(pickles)) if pickles else []
        train = imagenet_train(root)
        return caches or ([train] if train is not None else [])

    def read(request: Request) -> ImageSet:
        assert request.root is not None
        root = request.root
        found = find(root)
        if len(found) > 1 or found[0].is_file():
            return read_listed(root, split, request, files=found)
        if found[0] != imagenet_train(root):
            return read_listed(found[0], split, request)
        listing = list_images(found[0], (), "CLASS")
        chosen = wanted_parts(split, request.parts)
        listing = only_listed(listing, set(match_classes(listing.class_names, chosen, split, found[0])))
        own = home(root)
        lists = [path for part in chosen if own is not None and (path := own / f"{part}.csv").is_file()]
        listing = choose_images(listing, lists, per_class) if per_class else listing
        return read_listed(found[0], split, request, listing=listing)

    return NamedSet(name, about, classes, images, parts, homes, lambda _: how, find, read)


def _holds_images(folder: Path) -> bool:
    """Whether a folder holds images or files of arrays, not only lists."""
    tree = read_tree(folder)
    arrays = (".pkl", ".pickle", ".npz", ".npy", ".parquet")
    return tree.has_images or any(name.lower().endswith(arrays) for part in tree.walk() for name in part.others)


def _folder(name: str, about: str, classes: int, images: int, homes: tuple[str, ...], how: str) -> NamedSet:
    """A set that is a folder of class folders, with or without folders of parts."""

    def find(root: Path) -> list[Path]:
        return [root / one for one in homes if (root / one).is_dir()][:1]

    def read(request: Request) -> ImageSet:
        assert request.root is not None
        return folder_set(
            find(request.root)[0], request.size, request.channels,
            parts=request.parts, options=request.options, cache_in=request.cache,
        )  # fmt: skip

    return NamedSet(name, about, classes, images, ("train", "val"), homes, lambda _: how, find, read)


def _mini(name: str, about: str, homes: tuple[str, ...], pickles: str) -> NamedSet:
    how = (
        f"put ImageNet's train folder ({_PAGE}) into the data root as imagenet/train, with train.csv, val.csv and"
        f" test.csv of the set in {homes[0]}/ for its exact images; or a folder {homes[0]} of class folders, of images/"
        f" and those lists, or of the caches mini-imagenet-cache-train.pkl, -val.pkl and -test.pkl"
    )
    return subset(name, about, name, 60000, 100, homes=homes, pickles=pickles, per_class=600, how=how)


SETS = (
    _mini("mini_imagenet", "100 classes of ImageNet, 64 / 16 / 20 (Ravi and Larochelle 2017)",
          ("mini_imagenet", "mini-imagenet", "miniImageNet", "miniImagenet", "mini-ImageNet", "MiniImageNet"),
          "mini-imagenet-cache-*.pkl"),
    _mini("mini_imagenet_vinyals", "another 100 classes of ImageNet (Vinyals et al. 2016); 6 are in mini_imagenet, too",
          ("mini_imagenet_vinyals", "mini-imagenet-vinyals"), ""),
    subset("tiered_imagenet", "608 classes of ImageNet in 34 categories (Ren et al. 2018)", "tiered_imagenet", 779165,
           608, homes=("tiered_imagenet", "tiered-imagenet", "tieredImageNet", "tieredImagenet"),
           how=f"put ImageNet's train folder ({_PAGE}) into the data root as imagenet/train, or a folder"
           " tiered_imagenet of class folders named by WordNet id"),
    subset("meta_dataset/ilsvrc_2012", "ImageNet by branches of WordNet, 712 / 158 / 130 (Meta-Dataset)",
           "meta_dataset_ilsvrc_2012", 1281167, 1000, homes=(),
           how=f"put ImageNet's train folder ({_PAGE}) into the data root as imagenet/train"),
    _folder("imagenet", "ImageNet, ILSVRC 2012", 1000, 1331167, ("imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC"),
            f"put the folders train and val ({_PAGE}) into DATA_ROOT/imagenet, images in class folders"),
    _folder("imagenet100", "100 classes of ImageNet; which ones, the folder says", 100, 131689,
            ("imagenet100", "imagenet-100"),
            "put class folders of 100 classes of ImageNet into DATA_ROOT/imagenet100/train and val; lists differ from"
            " paper to paper"),
)  # fmt: skip
