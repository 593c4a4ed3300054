"""The methods, one short file each. A file is all it takes: there is no list to enter it in.

A method file is a module of this package that holds `METHOD`; its name is the file's name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from metaclr.errors import unknown
from metaclr.methods.method import Method

__all__ = ["Method", "get", "names"]

NOT_METHODS = {"method", "compared"}


@cache
def names() -> tuple[str, ...]:
    """The names of all methods, sorted; nothing is imported."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name not in NOT_METHODS))


@cache
def get(name: str) -> Method:
    """A method by its name.

    Raises:
        UserError: there is none of that name; says the nearest.
    """
    if name not in names():
        raise unknown("method", name, names())
    method: Method = import_module(f"{__name__}.{name}").METHOD
    return replace(method, name=name)
