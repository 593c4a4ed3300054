"""Every data set by name: NAME, NAME:PART, NAME:PART+PART, a folder of class folders, or an .npz file."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from episodes import ImageSet, splits
from metaclr.data import from_torchvision, omniglot
from metaclr.data.adapt import adapt
from metaclr.data.cache import cached
from metaclr.data.digits import digits
from metaclr.data.exchange import read_npz
from metaclr.data.folders import OnCorrupt, folder_set
from metaclr.data.glyphs import glyphs
from metaclr.errors import UserError, unknown

_CLASS_SPLITS = {"omniglot": "omniglot", "cifar_fs": "cifar100", "fc100": "cifar100"}
"""Sets whose parts are classes, and the set whose images they are."""

_ABOUT = {
    "glyphs": "characters of matplotlib's fonts, rendered here; parts source, held-out, or a script",
    "digits": "scikit-learn's 1,797 handwritten digits",
    "omniglot": "1,623 handwritten characters; parts train, val, test (Vinyals et al. 2016), train+val",
    "cifar_fs": "CIFAR-100 by classes: 64 train, 16 val, 20 test (Bertinetto et al. 2019)",
    "fc100": "CIFAR-100 by super-classes: 60 train, 20 val, 20 test classes (Oreshkin et al. 2018)",
    "tiny_imagenet": "200 classes of 64 x 64 colour images, as tiny_imagenet.npz",
}


@dataclass(frozen=True)
class Entry:
    """A data set that can be named, whether it is here, and how to get it if not."""

    name: str
    available: bool
    about: str
    how: str = ""


def known_names() -> list[str]:
    """The names that `load` knows without a file of that name."""
    return sorted({*_ABOUT, *from_torchvision.KNOWN})


def data_root(root: Path | None = None) -> Path | None:
    """The folder of data sets: the argument, else $METACLR_DATA, else None."""
    if root is not None:
        return Path(root)
    return Path(os.environ["METACLR_DATA"]) if os.environ.get("METACLR_DATA") else None


def catalogue(root: Path | None = None) -> list[Entry]:
    """All known names, and the .npz files of the data root."""
    folder = data_root(root)
    files = sorted(p.stem for p in folder.glob("*.npz")) if folder and folder.is_dir() else []
    names = [*known_names(), *(name for name in files if name not in known_names())]
    return [Entry(n, _available(n, folder), _ABOUT.get(n, _kind(n)), _how(n)) for n in names]


def load(
    name: str,
    root: Path | None = None,
    *,
    size: int | None = None,
    channels: int | None = None,
    on_corrupt: OnCorrupt = "error",
    cache: Path | None = None,
) -> ImageSet:
    """A data set, or parts of it, at a size and with a number of channels.

    Args:
        name: NAME[:PART[+PART]], a folder of class folders, or a path to an .npz file (see `exchange`).
        size: pixels of either side; None keeps the set's own (28 for glyphs and digits, 84 for folders).

    Raises:
        UserError: an unknown name (with the nearest), a missing set (with how to get it), an unknown part, bad data.
    """
    if _is_path(name):
        return _from_path(Path(name), size, channels, on_corrupt, cache)
    base, _, part = name.partition(":")
    if base == "glyphs":
        return adapt(glyphs(part or "all", size or 28, cache), channels=channels)
    if base == "digits":
        return adapt(_no_parts(base, part, digits(size or 28)), channels=channels)
    folder = data_root(root)
    key = {"name": base, "size": size, "channels": channels, "file": _stamp(base, folder)}
    # Resized once: Omniglot's 105 x 105 pixels are 360 MB, and 28 x 28 are 25.
    whole = cached(key, lambda: adapt(_read(base, folder, size, channels), size=size, channels=channels), cache)
    return _parts(whole, base, part, name)


def _is_path(name: str) -> bool:
    return name.endswith(".npz") or "/" in name or "\\" in name or name in (".", "..") or Path(name).is_dir()


def _from_path(
    path: Path, size: int | None, channels: int | None, on_corrupt: OnCorrupt, cache: Path | None
) -> ImageSet:
    if path.suffix == ".npz":
        return adapt(read_npz(path), size=size, channels=channels)
    return folder_set(path, size or 84, channels or 3, on_corrupt=on_corrupt, cache_in=cache)


def _read(name: str, root: Path | None, size: int | None, channels: int | None) -> ImageSet:
    if name not in known_names() and not (root and (root / f"{name}.npz").is_file()):
        files = [p.stem for p in root.glob("*.npz")] if root and root.is_dir() else []
        raise unknown("data set", name, [*known_names(), *files])
    base = _CLASS_SPLITS.get(name, name)
    if root is None:
        raise UserError(f"data set {name!r} needs a data root: --data-root FOLDER, or METACLR_DATA; {_how(name)}")
    path = root / f"{base}.npz"
    if path.is_file():
        return read_npz(path, name)
    if base == "omniglot":
        found = omniglot.from_zips(root)
        if found is not None:
            return found
    if base in from_torchvision.KNOWN and (root / from_torchvision.KNOWN[base].marker).exists():
        return replace(from_torchvision.read(base, root, size or 32, channels or 3), name=name)
    raise UserError(f"data set {name!r} is not in {root}: {_how(name)}")


def _parts(whole: ImageSet, base: str, part: str, name: str) -> ImageSet:
    if not part:
        return replace(whole, name=name)
    wanted = part.split("+")
    split = _class_split(base, whole)
    if split is not None:
        for one in wanted:
            if one not in split:
                raise unknown(f"part of {base}", one, split)
        return replace(whole.only_classes([c for one in wanted for c in split[one]]), split=(), name=name)
    for one in wanted:
        if one not in whole.split:
            raise unknown(f"part of {base}", one, set(whole.split) or {"(none)"})
    inside = torch.tensor([s in wanted for s in whole.split]).nonzero().flatten()
    chosen = whole.select(inside)
    return replace(chosen if chosen.labels is None else chosen.with_at_least(1), name=name)


def _class_split(base: str, whole: ImageSet) -> dict[str, list[str]] | None:
    if base not in _CLASS_SPLITS:
        return None
    parts = splits.class_split(base)
    missing = {c for classes in parts.values() for c in classes} - set(whole.class_names)
    if missing:
        raise UserError(f"data set {base!r}: has no class {min(missing)!r}, which the published split names")
    return parts


def _no_parts(name: str, part: str, image_set: ImageSet) -> ImageSet:
    if part:
        raise UserError(f"data set {name!r} has no parts, so not {part!r}")
    return image_set


def _stamp(name: str, root: Path | None) -> list[object]:
    base = _CLASS_SPLITS.get(name, name)
    if root is None:
        return []
    candidates = [root / f"{base}.npz", *(root / z for z in omniglot.ZIPS)]
    if base in from_torchvision.KNOWN:
        candidates.append(root / from_torchvision.KNOWN[base].marker)
    found = [p for p in candidates if p.exists()]
    return [(str(p.absolute()), p.stat().st_size, p.stat().st_mtime_ns) for p in found]


def _available(name: str, root: Path | None) -> bool:
    return name in ("glyphs", "digits") or bool(_stamp(name, root))


def _kind(name: str) -> str:
    return f"torchvision's {from_torchvision.KNOWN[name].kind}" if name in from_torchvision.KNOWN else "an .npz file"


def _how(name: str) -> str:
    base = _CLASS_SPLITS.get(name, name)
    if base == "omniglot":
        return omniglot.HOW
    if base in from_torchvision.KNOWN:
        return f"put {base}.npz into the data root, or: {from_torchvision.how(base)}"
    return f"put {base}.npz into the data root"
