"""What there is: every known name and every file of the data root, whether it is here, how to get it if not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from metaclr.data.arrays.exchange import npz_counts
from metaclr.data.load import data_root
from metaclr.data.named_sets import NamedSet, base_of, files_of, named_sets


@dataclass(frozen=True)
class Entry:
    """A data set that can be named; `how` says how to get it. Counts are those of the file where there is one."""

    name: str
    available: bool
    about: str
    how: str = ""
    classes: int = 0
    images: int = 0
    parts: tuple[str, ...] = ()


def names() -> dict[str, str]:
    """The names that `load` knows without a file of that name, each with a line about it."""
    return {name: one.about for name, one in named_sets().items()}


def catalogue(root: Path | None = None) -> list[Entry]:
    """All known names, then the other .npz files in the data root."""
    folder, known = data_root(root), named_sets()
    entries = [_known(one, folder) for one in known.values()]
    others = sorted(p for p in folder.glob("*.npz") if p.stem not in known) if folder else []
    return entries + [_file(path.stem, path, "an .npz file of the data root") for path in others]


def _known(one: NamedSet, root: Path | None) -> Entry:
    files = files_of(one, root)
    if files and files[0].suffix == ".npz" and not one.images_of:
        entry = _file(one.name, files[0], one.about, one.parts)
        return replace(entry, classes=4 * entry.classes, images=4 * entry.images) if one.turned else entry
    available = one.is_embedded or bool(files)
    how = "" if available else base_of(one).how_to_get(root)
    return Entry(one.name, available, one.about, how, one.classes, one.images, one.parts)


def _file(name: str, path: Path, about: str, parts: tuple[str, ...] = ()) -> Entry:
    """An entry with the counts of its file, which may hold less than was published."""
    classes, images = npz_counts(path)
    return Entry(name, images > 0, about if images else f"{path.name} cannot be read", "", classes, images, parts)
