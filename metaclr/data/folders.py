"""Any folder of class folders: decoded once, by several threads, into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from episodes import ImageSet
from metaclr.console import notify, progress
from metaclr.data.cache import cache_folder, cached
from metaclr.data.decode import OWN_SIZE, decode
from metaclr.data.scratch import Pixels
from metaclr.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})

SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Folders with these names hold a part of the images each, with the class folders inside."""

OnCorrupt = Literal["error", "skip"]


@dataclass(frozen=True)
class Listing:
    """The image files under a folder, each with its class and part; class names and groups (or none)."""

    root: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    split: tuple[str, ...]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]


def folder_set(
    root: Path,
    size: int | None = None,
    channels: int | None = None,
    *,
    on_corrupt: OnCorrupt = "error",
    cache_in: Path | None = None,
) -> ImageSet:
    """Images of class folders, short side resized to `size` (default 84) and the centre cropped.

    A class is a folder that holds images, `root`/CLASS or `root`/GROUP/CLASS; under `root`/train, val and test the
    same classes have a part each. channels: 3 by default.

    Raises:
        UserError: no such folder, no class folder, a class without a readable image, or unreadable files (count and
            first; the full list is written to a file) unless `on_corrupt` is "skip".
    """
    listing = list_images(root)
    stats = [(path, path.stat()) for path in listing.files]
    key = {
        "name": f"folder-{root.resolve().name}",
        "root": str(root.resolve()),
        "files": [(str(p.relative_to(root)), s.st_size, s.st_mtime_ns) for p, s in stats],
        "size": size or OWN_SIZE,
        "channels": channels or 3,
        "on_corrupt": on_corrupt,
    }
    shape = (len(stats), channels or 3, size or OWN_SIZE, size or OWN_SIZE)
    return cached(key, lambda allocate: _decode(listing, allocate(shape), on_corrupt), cache_in)


def list_images(root: Path) -> Listing:
    """The image files of class folders, in name order. Raises UserError where there is nothing to learn from."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    top = _folders(root)
    if not top:
        raise UserError(f"{root}: has no class folders; images go into {root.name}/CLASS/")
    split_up = all(folder.name.lower() in SPLIT_FOLDERS for folder in top)
    found = []
    for folder in top:
        part = SPLIT_FOLDERS[folder.name.lower()] if split_up else ""
        inner = _folders(folder) if split_up else [folder]
        if not inner:
            raise UserError(f"{folder}: has no class folders; images go into {folder.name}/CLASS/")
        found += [(part, folder if split_up else root, image) for one in inner for image in _images(one)]
    names = [_class_name(image.parent.relative_to(base)) for _, base, image in found]
    classes = sorted(set(names))
    nested = all("/" in name for name in classes)
    return Listing(
        root,
        tuple(image for _, _, image in found),
        tuple(map({name: i for i, name in enumerate(classes)}.__getitem__, names)),
        tuple(part for part, _, _ in found) if split_up else (),
        tuple(classes),
        tuple(name.split("/")[0] for name in classes) if nested else (),
    )


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _images(folder: Path) -> list[Path]:
    """All images below a class (or group) folder; each folder in it that holds files must hold an image."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS and not p.name.startswith("."))
    if not found:
        raise UserError(f"{folder}: no image in this class folder; known endings: {', '.join(sorted(KINDS))}")
    return found


def _class_name(below: Path) -> str:
    """ "Greek/alpha" for nested folders; the folder "images" of Tiny ImageNet is no class of its own."""
    parts = below.parts[:-1] if len(below.parts) > 1 and below.name == "images" else below.parts
    return "/".join(parts)


def _open(path: Path) -> Image:
    from PIL import Image

    return Image.open(path)


def _decode(listing: Listing, images: Pixels, on_corrupt: OnCorrupt) -> ImageSet:
    with progress(f"decoding {listing.root.name}") as bar:
        bad = decode([partial(_open, path) for path in listing.files], images, partial(bar, note="images"))
    if bad:
        report_unreadable(listing.root.name, [f"{listing.files[i]}: {why}" for i, why in bad.items()], on_corrupt)
    kept = [i for i in range(len(images)) if i not in bad]
    for place, i in enumerate(kept if bad else ()):  # moved up in place: the array may be larger than memory
        images[place] = images[i]
    labels = [listing.labels[i] for i in kept]
    if empty := sorted(set(listing.labels) - set(labels)):
        raise UserError(f"{listing.root}: no readable image in class {listing.class_names[empty[0]]!r}")
    return ImageSet(
        torch.from_numpy(images[: len(kept)]),
        torch.tensor(labels),
        listing.class_names,
        listing.groups,
        tuple(listing.split[i] for i in kept) if listing.split else (),
        listing.root.name,
    )


def report_unreadable(name: str, lines: Sequence[str], on_corrupt: OnCorrupt) -> None:
    """Write the list of unreadable files to the cache folder; refuse them, or say that they were skipped.

    Raises:
        UserError: unless `on_corrupt` is "skip"; the count, the first file, and where the list is.
    """
    path = cache_folder() / f"unreadable-{name}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        where = f"; all are listed in {path}"
    except OSError:
        where = ""
    message = f"{name}: {len(lines)} unreadable image{'s' if len(lines) > 1 else ''}, first {lines[0]}{where}"
    if on_corrupt != "skip":
        raise UserError(f"{message}; mend them, or take --on-corrupt skip")
    notify(f"metaclr: {message}; skipped")
