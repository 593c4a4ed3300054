"""The data sets that have a name. Each is one value in a file of metaclr/data/sets, found by being there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from episodes import EpisodeTable, ImageSet
from metaclr.data.request import Request


@dataclass(frozen=True)
class NamedSet:
    """A data set that is known without a path.

    name; about: a line; classes and images: as published, 0 if they depend on the machine; parts.
    how_to_get(root): the command or the page that fetches it. find(root): its files in the data root, [] if it is not
    there; None for a set that is always here. read(request): the whole set, or those of `request.parts` that it can
    read alone. layouts: what it may be in the data root, beside NAME.npz and a folder NAME.
    images_of: the set whose images these are, where only the classes are chosen anew, by the class split
    `class_split` of episodes/splits. takes_parts: whether `read` has taken the parts, which may be others than `split`.
    relabelled: the same images under other labels (coarse ones).
    episodes(images): the published episodes of a set that has its own; None where they are drawn.
    fetch(root): download it into the data root; None where nobody may, or where that takes an account.
    turned: whether its published protocol counts quarter turns as classes; None for a set that has no such protocol,
    False for the one without turns.
    """

    name: str
    about: str
    classes: int = 0
    images: int = 0
    parts: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    how_to_get: Callable[[Path | None], str] = lambda _: ""
    find: Callable[[Path], list[Path]] | None = None
    read: Callable[[Request], ImageSet] | None = None
    images_of: str = ""
    class_split: str = ""
    takes_parts: bool = False
    relabelled: Callable[[ImageSet], ImageSet] | None = None
    fetch: Callable[[Path], None] | None = None
    episodes: Callable[[ImageSet], EpisodeTable] | None = None
    turned: bool | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether it needs no data root."""
        return self.find is None and not self.images_of


@cache
def named_sets() -> dict[str, NamedSet]:
    """All of them by name: the `SETS` of every module of metaclr/data/sets."""
    from metaclr.data import sets

    modules = [importlib.import_module(f"{sets.__name__}.{m.name}") for m in pkgutil.iter_modules(sets.__path__)]
    found = [one for module in modules for one in module.SETS]
    return {one.name: one for one in sorted(found, key=lambda one: (not one.is_embedded, one.name))}


def base_of(chosen: NamedSet) -> NamedSet:
    """The set whose images a named set has: cifar100 of cifar_fs."""
    return named_sets()[chosen.images_of] if chosen.images_of else chosen


def files_of(chosen: NamedSet, root: Path | None) -> list[Path]:
    """The files of the data root that a named set is read from: NAME.npz, its published files, or a folder NAME."""
    if root is None or chosen.is_embedded:
        return []
    base = base_of(chosen)
    packed = root / f"{base.name.replace('/', '_')}.npz"
    if packed.is_file():
        return [packed]
    return base.find(root) if base.find is not None else []


def folder_of(name: str) -> Callable[[Path], list[Path]]:
    """A `find` for a set that is a folder of images called `name`."""
    return lambda root: [root / name] if (root / name).is_dir() else []


def published_episodes(name: str) -> Callable[[ImageSet], EpisodeTable] | None:
    """What makes the episodes of a set that was published with its own; None for all others."""
    chosen = named_sets().get(name)
    return chosen.episodes if chosen is not None else None
