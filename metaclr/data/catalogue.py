"""What there is: every known name and every file of the data root, whether it is here, how to get it if not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaclr.data.exchange import npz_counts
from metaclr.data.known import EMBEDDED, REAL, Facts, files_of, how_to_get
from metaclr.data.load import data_root


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
    return {name: facts.about for name, facts in (EMBEDDED | REAL).items()}


def catalogue(root: Path | None = None) -> list[Entry]:
    """All known names, then the other .npz files and folders of class folders in the data root."""
    folder = data_root(root)
    entries = [Entry(n, True, f.about, "", f.classes, f.images, f.parts) for n, f in EMBEDDED.items()]
    entries += [_known(name, facts, folder) for name, facts in REAL.items()]
    others = sorted(p for p in folder.glob("*.npz") if p.stem not in REAL) if folder else []
    return entries + [_file(path.stem, path, Facts("an .npz file of the data root", 0, 0)) for path in others]


def _known(name: str, facts: Facts, root: Path | None) -> Entry:
    files = files_of(name, root)
    if files and files[0].suffix == ".npz" and not facts.images_of:
        return _file(name, files[0], facts)
    how = "" if files else how_to_get(name, root)
    return Entry(name, bool(files), facts.about, how, facts.classes, facts.images, facts.parts)


def _file(name: str, path: Path, facts: Facts) -> Entry:
    """An entry with the counts of its file, which may hold less than was published."""
    classes, images = npz_counts(path)
    return Entry(
        name, images > 0, facts.about if images else f"{path.name} cannot be read", "", classes, images, facts.parts
    )
