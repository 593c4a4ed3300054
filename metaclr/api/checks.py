"""Types of the Python API's arguments: what the shell's parser refuses, these refuse in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaclr.errors import UserError

_SHOWN = 60  # characters of a wrong value in an error


def check_arguments(**arguments: Any) -> None:
    """Check arguments by their names; None is left to the callers' defaults where a default exists.

    >>> check_arguments(steps=10, targets=["digits"])
    >>> check_arguments(targets="digits")
    Traceback (most recent call last):
    metaclr.errors.UserError: targets = 'digits': a list of names, such as ['digits'], or a dict of image sets by name

    Raises:
        UserError: the first argument of a wrong type: name, value, and what is allowed.
    """
    for name, value in arguments.items():
        fits, allowed = _RULES[name]
        if not fits(value):
            example = allowed.format(value=value) if isinstance(value, str) else allowed.format(value="digits")
            raise UserError(f"{name} = {_shown(value)}: {example}")


def refuse_one_text(argument: str, value: Any) -> None:
    """Raises UserError for one text where a list is meant, whose letters would be taken for its items."""
    if isinstance(value, str):
        raise UserError(f"{argument} = {value!r} is one text; give a list, such as [{value!r}]")


def _shown(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = ""
    return text if 0 < len(text) <= _SHOWN else f"a {type(value).__name__}"


def _is_int(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_list(value: Any, item: Callable[[Any], bool]) -> bool:
    return isinstance(value, (Sequence, range)) and not isinstance(value, (str, bytes)) and all(map(item, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_path(value: Any) -> bool:
    return value is None or (isinstance(value, (str, Path)) and "\0" not in str(value))


def _is_recipe(value: Any) -> bool:
    from metaclr.recipe import CompareRecipe

    return isinstance(value, CompareRecipe) or (value is not None and _is_path(value))


def _is_method(value: Any) -> bool:
    from metaclr.methods import Method

    return _is_text(value) or isinstance(value, Method)


def _is_image_set(value: Any) -> bool:
    from episodes import ImageSet

    return isinstance(value, ImageSet)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value))


def _are_methods(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _is_table(value) and all(map(_is_method, value.values()))
    return value is None or _is_list(value, lambda item: _is_text(item) or _is_table(item))


def _are_sets(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _is_table(value) and all(_is_text(item) or _is_image_set(item) for item in value.values())
    return value is None or _is_list(value, _is_text)


_FLAG = (lambda value: isinstance(value, bool), "True or False")
_PATH = (_is_path, "a path as str or pathlib.Path")
_METHOD = (_is_method, "a method's name, or a metaclr.Method")
_SETS = (_are_sets, "a list of names, such as ['{value}'], or a dict of image sets by name")
_COUNT = (lambda value: _is_int(value, 1), "a whole number of at least 1")
_LINES = (lambda value: _is_list(value, _is_text), "a list of str, such as ['train.steps=100']")

_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "a": _METHOD,
    "b": _METHOD,
    "method": _METHOD,
    "methods": (_are_methods, "a list of names, such as ['simclr', 'protonet'], or a dict of metaclr.Method by name"),
    "sources": _SETS,
    "targets": _SETS,
    "source": (
        lambda value: _is_text(value) or _is_image_set(value) or (value is not None and _are_sets(value)),
        "a name such as 'glyphs:source', or an episodes.ImageSet",
    ),
    "recipe": (_is_recipe, "the name of a shipped recipe, the path of a TOML file, or a CompareRecipe"),
    "seeds": (lambda value: value is None or _is_list(value, _is_int), "a list of whole numbers, such as [0, 1]"),
    "seed": (_is_int, "a whole number of at least 0"),
    "steps": (lambda value: value is None or _is_int(value, 1), "a whole number of at least 1"),
    "size": _COUNT,
    "channels": (lambda value: value in (1, 3) and not isinstance(value, (bool, float)), "1 or 3"),
    "jobs": _COUNT,
    "settings": (lambda value: value is None or _is_table(value), "a dict of settings by name"),
    "order": (lambda value: _is_list(value, _is_text), "a list of axes, such as ['roles', 'temperature']"),
    "overrides": _LINES,
    "views_mode": (lambda value: value is None or _is_text(value), "'shared' or 'per_method'"),
    "protocol": (lambda value: value is None or _is_text(value), "the name of a protocol, such as 'mini-5way'"),
    "device": (lambda value: _is_text(value) or type(value).__name__ == "device", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
    "log": (lambda value: _is_list(value, _is_text), "a list of loggers, such as ['tensorboard']"),
    "ray": (lambda value: value is None or _is_text(value), "'local', or the address of a cluster"),
    "out": _PATH,
    "start": _PATH,
    "data_root": _PATH,
    "quick": _FLAG,
    "quiet": _FLAG,
    "trust": _FLAG,
    "both_orders": _FLAG,
}
