"""Load any data set: a name, some of its parts, a folder of images, a file of arrays."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache as once
from pathlib import Path
from typing import Any

from episodes import ImageSet
from metaclr.console import notify
from metaclr.data.adapt import adapt
from metaclr.data.arrays.array_folders import array_files, read_array_folder
from metaclr.data.arrays.formats import required_format
from metaclr.data.cache import cached, stamp
from metaclr.data.folders.folders import folder_set
from metaclr.data.named_sets import NamedSet, base_of, files_of, named_sets
from metaclr.data.notes import surprises
from metaclr.data.options import MAX_PIXELS, Fit, Frames, OnCorrupt, ReadOptions
from metaclr.data.parts import take_parts, with_class_split
from metaclr.data.pixels.videos import FRAMES, read_videos, video_files, video_key
from metaclr.data.reference import parse
from metaclr.data.request import Request
from metaclr.data.tree.file_tree import read_tree
from metaclr.data.turned_classes import upright_note, with_turned_classes
from metaclr.errors import UserError, unknown


def load(
    name: str,
    root: Path | None = None,
    *,
    size: int | None = None,
    channels: int | None = None,
    on_corrupt: OnCorrupt = "error",
    fit: Fit = "crop",
    frames: Frames = "first",
    pixel_range: tuple[float, float] | None = None,
    layout: str = "auto",
    max_pixels: int = MAX_PIXELS,
    turned: bool = True,
    cache: Path | None = None,
    announce: bool = True,
) -> ImageSet:
    """A data set, or parts of it, as uint8 images (M, C, size, size); docs/data.md has the rules of reading.

    Args:
        name: NAME, NAME:PART or NAME:PART+PART, where NAME is a known name (`names()`), the name of an .npz file or
            of a folder in the data root, or a path to a folder of images or to a file of one of `FORMATS`. Without a
            part: all of it, with `split` filled.
        root: the data root; default $METACLR_DATA.
        size: pixels of either side; None keeps the set's own (28 for glyphs and digits, 84 for photographs).
        channels: 1 or 3; None keeps the set's own (3 for folders).
        on_corrupt, fit, frames, pixel_range, layout, max_pixels: see `ReadOptions`.
        turned: of a set whose published protocol counts quarter turns as classes (Omniglot): read it so. False reads
            the classes as drawn, as the name `omniglot_upright` does; other sets are read alike.
        cache: folder for decoded images; default $METACLR_CACHE or the platform's.
        announce: print the notes on what may surprise (files left out, a crop that cuts much away) to stderr, once.

    Raises:
        UserError: an unknown name or part (with the nearest), a missing set (with how to get it), bad data.
    """
    _check_format(size, channels)
    options = ReadOptions(on_corrupt, fit, frames, pixel_range, layout, max_pixels)
    reference = parse(name)
    request = Request(reference.parts, size, channels, options, data_root(root), cache)
    named = named_sets().get(reference.base)  # a name may have a slash: medmnist/pathmnist
    if named is not None:
        found = _named(named, request)
    else:
        path = reference.path if reference.is_path else _find(reference.base, request.root)
        found = take_parts(_at_path(path, request), reference.parts, reference.base)
    found = replace(adapt(found, size=size, channels=channels, fit=fit), name=str(reference))
    if named is not None and named.turned is not None:
        found = _turned(found, turned=named.turned and turned)
    for note in surprises(found) if announce else ():
        _announce(f"metaclr: {found.name}: {note}")
    return found


def _turned(found: ImageSet, *, turned: bool) -> ImageSet:
    return with_turned_classes(found) if turned else replace(found, notes=(*found.notes, upright_note(found)))


@once
def _announce(line: str) -> None:
    notify(line)


def check_known(name: str, root: Path | None = None) -> None:
    """Refuse a name that `load` would refuse, without reading a pixel. Parts are looked at when the set is read."""
    reference = parse(name)
    named = named_sets().get(reference.base)
    if named is not None:
        _files(named, data_root(root))
    else:
        _exists(reference.path if reference.is_path else _find(reference.base, data_root(root)))


def data_root(root: Path | None = None) -> Path | None:
    """The folder of data sets: the argument, else $METACLR_DATA, else None. Raises UserError if it is not there."""
    chosen = root or os.environ.get("METACLR_DATA") or None
    folder = Path(chosen).expanduser() if chosen else None
    if folder is not None and not folder.is_dir():
        raise UserError(f"data root {folder}: no such folder (from {'--data-root' if root else 'METACLR_DATA'})")
    return folder


def _check_format(size: int | None, channels: int | None) -> None:
    if size is not None and not 4 <= size <= 1024:
        raise UserError(f"size {size}: must be 4 to 1024 pixels")
    if channels not in (None, 1, 3):
        raise UserError(f"channels {channels}: must be 1 or 3")


def _named(named: NamedSet, request: Request) -> ImageSet:
    """A named set: its packed file or its own reader, its class split, its parts."""
    base, files = base_of(named), _files(named, request.root)
    whole_request = replace(request, parts=()) if named.class_split else request
    if files and files[0].suffix == ".npz":
        whole = _at_path(files[0], whole_request)
    else:
        assert base.read is not None
        whole = base.read(whole_request)
    if named.class_split:
        whole = with_class_split(whole, named.class_split)
    if named.relabelled is not None:
        whole = named.relabelled(whole)
    return whole if named.takes_parts else take_parts(whole, request.parts, named.name)


def _files(named: NamedSet, root: Path | None) -> list[Path]:
    """The files of a named set. Raises UserError, with how to get it, if it is not here."""
    files = files_of(named, root)
    if not files and not named.is_embedded:
        missing = f"is not in {root}" if root else "needs a data root (--data-root FOLDER or METACLR_DATA)"
        raise UserError(f"data set {named.name!r} {missing}: {base_of(named).how_to_get(root)}")
    return files


def _find(name: str, root: Path | None) -> Path:
    """NAME.npz or the folder NAME of the data root; else a folder of this name in the working folder."""
    for path in (root / f"{name}.npz", root / name) if root else ():
        if path.exists():
            return path
    if Path(name).exists():
        return Path(name)
    here = [p.stem for p in root.glob("*.npz")] if root else []
    raise unknown("data set", name, {*named_sets(), *here})


def _exists(path: Path) -> None:
    stamp(path)
    if not path.is_dir():
        required_format(path)


def _at_path(path: Path, request: Request) -> ImageSet:
    """A folder, or a file by its format."""
    _exists(path)
    if path.is_dir():
        return _folder(path, request)
    kind = required_format(path)
    if not kind.is_cached(path, request):
        return kind.read(path, request)
    key = _key(path.stem, [path, *kind.beside(path)], request)
    return cached(key, lambda allocate: kind.read(path, replace(request, allocate=allocate)), request.cache)


def _folder(path: Path, request: Request) -> ImageSet:
    tree = read_tree(path)
    files = [] if tree.has_images else array_files(tree)
    videos = [] if tree.has_images or files else video_files(tree)
    if videos:
        key = {**_key(path.resolve().name, [], request), "videos": video_key(path, videos), "frames": FRAMES}
        return cached(key, lambda _: read_videos(path, videos, request), request.cache)
    if not files:
        return folder_set(
            path, request.size, request.channels, parts=request.parts, options=request.options, cache_in=request.cache
        )
    key = _key(path.resolve().name, [file for _, file in files], request)
    return cached(
        key, lambda allocate: read_array_folder(path, files, replace(request, allocate=allocate)), request.cache
    )


def _key(name: str, files: list[Path], request: Request) -> dict[str, Any]:
    return {
        "name": name,
        "files": [stamp(file) for file in files],
        "size": request.size,
        "channels": request.channels,
        "options": request.options.key(),
    }
