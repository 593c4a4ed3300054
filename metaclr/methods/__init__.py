"""The methods, one short file each. A file is all it takes: there is no list to enter it in.

A method file is a module of this package that holds `METHOD`; its name is the file's name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from metaclr.errors import unknown

if TYPE_CHECKING:
    from metaclr.methods.method import Method

__all__ = ["Method", "describe", "diff", "get", "names"]

NOT_METHODS = {"bibliography", "method", "differences", "families", "summaries", "tricks"}


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


def diff(a: str | Method, b: str | Method) -> list[tuple[str, str, str]]:
    """How two methods differ: `(axis, value in a, value in b)`, nothing where their settings are equal.

    >>> diff("simclr", "infonce")
    [('roles', 'leave_one_out', 'swap')]
    """
    from metaclr.methods.differences import differences

    return differences(_method(a), _method(b))


def describe(method: str | Method) -> list[str]:
    """A method in lines: what it is, who wrote it, its formula and all its settings."""
    from metaclr.methods.differences import lines

    return lines(_method(method))


def _method(method: str | Method) -> Method:
    return get(method) if isinstance(method, str) else method


def __getattr__(name: str) -> Any:
    if name == "Method":  # imports torch
        from metaclr.methods.method import Method

        return Method
    raise AttributeError(f"module 'metaclr.methods' has no attribute {name!r}")
