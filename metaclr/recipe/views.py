"""View recipes of a comparison's own: `[views.NAME]` tables of the fields of `episodes.ViewRecipe`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from inspect import getsource, isfunction
from typing import TYPE_CHECKING, Any, Literal

import episodes  # its names are imported on first use: listing recipes does not import torch
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from episodes import Augmentation, ViewRecipe

Role = Literal["support", "query"]
Table = Mapping[str, Any]

BASE, CALLABLE = "base", "callable"
ROLES: tuple[Role, ...] = ("support", "query")


def _field_names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(episodes.ViewRecipe))


def view_recipe(name: str, own: Mapping[str, Table], role: Role = "query") -> ViewRecipe:
    """The view recipe of that name, for the support or the query views of a task.

    Args:
        own: tables of fields by name. `base` names what the table changes: a preset or another table (default: the
            identity). `support` and `query` are the name of another recipe, or a table of fields for that role alone.

    Raises:
        UserError: an unknown name, base or field (with the nearest), a value out of range, or a circle of bases.

    >>> view_recipe("mine", {"mine": {"base": "simclr", "blur": 0.5, "support": "identity"}}).blur
    0.5
    >>> view_recipe("mine", {"mine": {"base": "simclr", "support": "identity"}}, "support") == episodes.ViewRecipe()
    True
    """
    return _resolved(name, own, role, ())


def check_names(own: Mapping[str, Table]) -> None:
    """Resolve every table once.

    Raises:
        UserError: as `view_recipe`; or a table that has the name of a preset.
    """
    for name, table in own.items():
        if name in episodes.PRESETS:
            raise UserError(f"[views.{name}] has the name of a shipped view recipe; choose another name")
        if CALLABLE not in table:
            for role in ROLES:
                view_recipe(name, own, role)


def own_views(views: object) -> tuple[dict[str, Any], dict[str, Augmentation]]:
    """What a caller gives as views, as the keys of a recipe and its functions by name.

    Args:
        views: the name of a view recipe, a `ViewRecipe`, a function of a batch, or the last two by name (the first is
            used, unless a method names another).

    >>> own_views(episodes.ViewRecipe(blur=0.5))[0]
    {'views': {'use': 'mine', 'mine': {'blur': 0.5}}}
    """
    if isinstance(views, str):
        return {"views": views}, {}
    named = views if isinstance(views, Mapping) else {"mine": views}
    tables: dict[str, Any] = {"use": next(iter(named))}
    functions: dict[str, Augmentation] = {}
    for name, value in named.items():
        if isinstance(value, episodes.ViewRecipe):
            tables[name] = table_of(value)
        elif callable(value):
            tables[name], functions[name] = {CALLABLE: _identity(value)}, value
        else:
            raise UserError(f"views: {name!r} is {value!r}; give a ViewRecipe, or a function of a batch (B, C, H, W)")
    return {"views": tables}, functions


def _identity(function: Callable[..., object]) -> str:
    """What tells one function from another in a recipe: its name and source; for other objects what they print."""
    if isfunction(function):
        try:
            return f"{function.__qualname__} {sha256(getsource(function).encode()).hexdigest()[:12]}"
        except OSError:
            return function.__qualname__
    return repr(function)


def table_of(recipe: ViewRecipe) -> dict[str, Any]:
    """The fields of a view recipe that differ from the identity, as a table of TOML."""
    plain = episodes.ViewRecipe()
    changed = {name: getattr(recipe, name) for name in _field_names() if getattr(recipe, name) != getattr(plain, name)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}


def _resolved(name: str, own: Mapping[str, Table], role: Role, inside: tuple[str, ...]) -> ViewRecipe:
    if name not in own:
        if name in episodes.PRESETS:
            return episodes.PRESETS[name]
        raise unknown("views", name, {*episodes.PRESETS, *own})
    if name in inside:
        raise UserError(f"[views.{name}] is its own base: {' -> '.join((*inside, name))}")
    table = dict(own[name])
    if CALLABLE in table:
        raise UserError(f"views {name!r} is a function of a Python program: start the comparison from there")
    found = _resolved(str(table.pop(BASE, "identity")), own, role, (*inside, name))
    roles = {of: table.pop(of, {}) for of in ROLES}
    found = _changed(found, table, f"views.{name}")
    of_role = roles[role]
    if isinstance(of_role, str):
        return _resolved(of_role, own, role, (*inside, name))
    if not isinstance(of_role, Mapping):
        raise UserError(f"views.{name}.{role} = {of_role!r}: the name of a view recipe, or a table of its fields")
    return _changed(found, of_role, f"views.{name}.{role}")


def _changed(recipe: ViewRecipe, table: Table, where: str) -> ViewRecipe:
    for key in table:
        if key not in _field_names():
            raise unknown(f"key of [{where}]", key, {*_field_names(), BASE, *ROLES})
    try:
        return replace(recipe, **table)
    except (episodes.EpisodeError, TypeError) as error:
        raise UserError(f"{where}: {str(error).removeprefix('views: ')}") from error
