"""Sources of positives: what says which examples belong together. One short file each, found by being there.

A source file is a module of this package that holds `SOURCE`, a subclass of `Positives`; its name is the file's name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from metaclr.errors import unknown
from metaclr.positives.source import Positives

__all__ = ["Positives", "get", "names"]

NOT_SOURCES = {"source", "part_sampler", "moving", "objective_labels", "mixture"}


@cache
def names() -> tuple[str, ...]:
    """The names of all sources, sorted; nothing is imported."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name not in NOT_SOURCES))


def get(name: str) -> type[Positives]:
    """A source by its name: the class of its settings.

    Raises:
        UserError: there is none of that name; says the nearest.
    """
    if name not in names():
        raise unknown("positives", name, names())
    source: type[Positives] = import_module(f"{__name__}.{name}").SOURCE
    return source
