"""Load any data set: a name, some of its parts, a folder of class folders, an .npz file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from episodes import ImageSet
from metaclr.data import from_torchvision, omniglot
from metaclr.data.adapt import adapt
from metaclr.data.cache import cached
from metaclr.data.digits import digits
from metaclr.data.exchange import read_npz
from metaclr.data.folders import OnCorrupt, folder_set
from metaclr.data.glyphs import glyphs
from metaclr.data.known import CLASS_SPLIT, EMBEDDED, REAL, files_of, how_to_get, stored_as
from metaclr.data.packed import must_unpack
from metaclr.data.parts import take_parts, with_class_split
from metaclr.data.reference import Reference, parse
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError, unknown


def load(
    name: str,
    root: Path | None = None,
    *,
    size: int | None = None,
    channels: int | None = None,
    on_corrupt: OnCorrupt = "error",
    cache: Path | None = None,
) -> ImageSet:
    """A data set, or parts of it, as uint8 images (M, C, size, size).

    Args:
        name: NAME, NAME:PART or NAME:PART+PART, where NAME is a known name (`names()`), the name of an .npz file or
            of a folder in the data root, or a path to a folder of class folders or to an .npz file. Without a part:
            all of it, with `split` filled.
        root: the data root; default $METACLR_DATA.
        size: pixels of either side; None keeps the set's own (28 for glyphs and digits, 84 for photographs).
        channels: 1 or 3; None keeps the set's own (3 for folders).
        on_corrupt: "error" refuses a folder with unreadable files, "skip" leaves them out and says so.
        cache: folder for decoded images; default $METACLR_CACHE or the platform's.

    Raises:
        UserError: an unknown name or part (with the nearest), a missing set (with how to get it), bad data.
    """
    _check_format(size, channels)
    reference, folder = parse(name), data_root(root)
    if reference.base in EMBEDDED and not reference.is_path:
        found = _embedded(reference, size, cache)
    else:
        found = _stored(reference, folder, size, channels, on_corrupt, cache)
    return replace(adapt(found, size=size, channels=channels), name=str(reference))


def check_known(name: str, root: Path | None = None) -> None:
    """Refuse a name that `load` would refuse, without reading a pixel. Parts are looked at when the set is read."""
    reference = parse(name)
    if reference.is_path:
        _stamp(reference.path)
    elif reference.base not in EMBEDDED:
        _find(reference.base, data_root(root))


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


def _embedded(reference: Reference, size: int | None, cache: Path | None) -> ImageSet:
    if reference.base == "glyphs":
        return glyphs(reference.parts, size or 28, cache)
    # Kept too: importing scikit-learn takes seconds.
    kept = cached({"name": "digits", "size": size or 28}, lambda _: digits(size or 28), cache)
    return take_parts(kept, reference.parts, "digits")


def _stored(
    reference: Reference,
    root: Path | None,
    size: int | None,
    channels: int | None,
    on_corrupt: OnCorrupt,
    cache: Path | None,
) -> ImageSet:
    """A set of files: where they are decides how they are read."""
    base = stored_as(reference.base)
    path = reference.path if reference.is_path else _find(reference.base, root)
    key: dict[str, object] = {"name": path.stem, "files": [_stamp(path)], "size": size, "channels": channels}
    if path.suffix == ".npz":
        whole = _packed(path, key, size, channels, cache)
    elif base == "omniglot" and path.suffix == ".zip":
        assert root is not None
        key |= {"name": "omniglot", "files": [_stamp(p) for p in omniglot.zip_files(root)]}
        whole = cached(key, lambda _: adapt(omniglot.from_zips(root), size=size, channels=channels), cache)
    elif not reference.is_path and base in from_torchvision.KNOWN:
        assert root is not None
        parts = reference.parts if base == reference.base else ()
        key |= {"name": base, "parts": parts, "on_corrupt": on_corrupt}

        def read(allocate: Allocate) -> ImageSet:
            return from_torchvision.read(
                base, root, allocate, parts=parts, size=size, channels=channels, on_corrupt=on_corrupt
            )

        whole = cached(key, read, cache)
    else:
        whole = folder_set(path, size, channels, on_corrupt=on_corrupt, cache_in=cache)
    if reference.base in CLASS_SPLIT:
        whole = with_class_split(whole, reference.base)
    return take_parts(whole, reference.parts, reference.base)


def _find(name: str, root: Path | None) -> Path:
    """The first of the files of a named set; a folder of this name in the working folder, if no set has the name."""
    found = files_of(name, root)
    if found:
        return found[0]
    if name in REAL:
        missing = f"is not in {root}" if root else "needs a data root (--data-root FOLDER or METACLR_DATA)"
        raise UserError(f"data set {name!r} {missing}: {how_to_get(name, root)}")
    if Path(name).is_dir():
        return Path(name)
    here = [p.stem for p in root.glob("*.npz")] if root else []
    raise unknown("data set", name, {*EMBEDDED, *REAL, *here})


def _packed(path: Path, key: dict[str, object], size: int | None, channels: int | None, cache: Path | None) -> ImageSet:
    """An .npz file: unpacked once where it is large and compressed, and resized once.

    Omniglot's 105 x 105 pixels are 360 MB, and 28 x 28 are 25.
    """
    if size is None and not must_unpack(path):
        return read_npz(path)

    def read(allocate: Allocate) -> ImageSet:
        return adapt(read_npz(path, allocate=allocate), size=size, channels=channels, allocate=allocate)

    return cached(key, read, cache)


def _stamp(path: Path) -> list[object]:
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"{path}: no such file or folder") from error
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
