"""The images below a folder, as a tree: links followed, cycles refused, special files never opened."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from metaclr.data.tree.skipped_names import is_skipped
from metaclr.errors import UserError
from metaclr.wording import some

_NOT_DECODED = frozenset(
    {".eps", ".ps", ".emf", ".wmf", ".mpg", ".mpeg", ".bufr", ".grib", ".h5", ".hdf", ".fts"}
)  # fmt: skip
"""Endings that Pillow knows but does not decode by itself: it needs Ghostscript, Windows or a plugin."""


@cache
def image_endings() -> frozenset[str]:
    """The endings, in lower case with the dot, of all files that the installed Pillow can decode."""
    from PIL import Image

    Image.init()
    return frozenset(e for e, kind in Image.registered_extensions().items() if kind in Image.OPEN) - _NOT_DECODED


@dataclass
class Folder:
    """A folder: its images, its folders and its other files by name; `special` are FIFOs, sockets and devices."""

    path: Path
    names: tuple[str, ...] = ()
    """The path below the root, one name a level."""
    images: list[str] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    real: str = ""
    """The folder itself, where `path` leads through links."""

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.name

    @property
    def has_images(self) -> bool:
        """Whether an image lies in it, at any depth."""
        return bool(self.images) or any(folder.has_images for folder in self.folders)

    @property
    def filled(self) -> list[Folder]:
        """The folders in it with an image at any depth."""
        return [folder for folder in self.folders if folder.has_images]

    def walk(self) -> Iterator[Folder]:
        """Itself and all folders below it, in name order."""
        yield self
        for folder in self.folders:
            yield from folder.walk()

    def count(self) -> int:
        """Number of images at any depth."""
        return sum(len(folder.images) for folder in self.walk())


def read_tree(root: Path) -> Folder:
    """The tree below `root`, each level in name order.

    Raises:
        UserError: no such folder, one that may not be read, or a link to a folder that it lies in itself.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    return _read(root, (), ())


def _read(path: Path, names: tuple[str, ...], above: tuple[str, ...]) -> Folder:
    real = os.path.realpath(path)
    if real in above:
        raise UserError(f"{path}: a link to {real}, a folder that it lies in itself; remove the link")
    folder = Folder(path, names, real=real)
    try:
        with os.scandir(path) as entries:
            found = sorted((entry for entry in entries if not is_skipped(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{path}: this folder cannot be read ({error.strerror or error})") from error
    for entry in found:
        try:
            mode = entry.stat().st_mode
        except OSError:  # a link to nothing: like any image that cannot be read, if it is named like an image
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            folder.folders.append(_read(path / entry.name, (*names, entry.name), (*above, real)))
        elif not stat.S_ISREG(mode):
            folder.special.append(entry.name)
        elif os.path.splitext(entry.name.rstrip())[1].lower() in image_endings():  # noqa: PTH122 - a Path each is slow
            folder.images.append(entry.name)
        else:
            folder.others.append(entry.name)
    return folder


def left_out_files(tree: Folder) -> list[str]:
    """Notes on the files that are not read: how many of which ending, and each special file."""
    endings = Counter(Path(name).suffix.lower() or "no ending" for f in tree.walk() for name in f.others)
    notes = []
    if endings:
        counts = ", ".join(f"{count:,} {ending}" for ending, count in sorted(endings.items()))
        total = sum(endings.values())
        notes.append(f"left out: {total:,} file{'s' * (total > 1)} that Pillow does not read as images: {counts}")
    special = ["/".join((*f.names, name)) for f in tree.walk() for name in f.special]
    if special:
        notes.append(f"left out: {some(special)}: a FIFO, socket or device, never opened")
    return notes


def repeated_folders(tree: Folder) -> list[str]:
    """A warning on folders that are read twice, by links."""
    places: dict[str, list[str]] = {}
    for folder in tree.walk():
        if folder.images:
            places.setdefault(folder.real, []).append("/".join(folder.names) or folder.name)
    several = [names for names in places.values() if len(names) > 1]
    if not several:
        return []
    more = f", and {len(several) - 1:,} more" if len(several) > 1 else ""
    return [f"warning: {' and '.join(several[0][:3])} are links to one folder, whose images are read twice{more}"]
