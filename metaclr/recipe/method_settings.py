"""Settings of methods in a recipe: `simclr(temperature=0.1)`, `[simclr]` tables, `--set simclr.temperature=0.1`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from metaclr.errors import UserError, unknown

OF_ENTRY = ("label", "projector", "views", "settings", "overrides", "label_share", "label_noise", "of", "point")
"""Keys of a method's table that are no settings of its objective or its tasks."""

SHAPE = ("way", "shot", "query")
"""Settings of the training tasks of a method."""

TASK_SETTINGS = ("task_transform", "support_views")
"""Settings of the views and tasks of any method; `views` are those of its queries. Others: `metaclr.methods.tricks`."""

_CALL = re.compile(r"\s*([^()\s][^()]*?)\s*\((.*)\)\s*", re.DOTALL)


def split_list(text: str) -> list[str]:
    """The parts of a comma-separated list; commas inside brackets do not separate.

    >>> split_list("simclr(temperature=0.1, projector=none), byol")
    ['simclr(temperature=0.1, projector=none)', 'byol']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def entry_of(text: str, value: Callable[[str], Any]) -> dict[str, Any]:
    """A method of a list as a table: its name, and the settings in parentheses, which its label repeats.

    Args:
        value: reads a value as TOML.

    Raises:
        UserError: a setting that is not written as key=value.

    >>> entry_of("simclr(temperature=0.1)", float)
    {'name': 'simclr', 'label': 'simclr(temperature=0.1)', 'settings': {'temperature': 0.1}}
    """
    call = _CALL.fullmatch(text)
    if not call:
        return {"name": text}
    name, inside = call.groups()
    table: dict[str, Any] = {}
    for part in split_list(inside) if inside.strip() else []:
        key, equals, given = part.partition("=")
        if not equals or not key.strip():
            raise UserError(f"methods: {text!r}: write settings as key=value, for example {name}(temperature=0.1)")
        table[key.strip()] = value(given.strip())
    label = f"{name}({', '.join(f'{k}={_plain(v)}' for k, v in table.items())})" if table else ""
    return _merged({"name": name} | ({"label": label} if label else {}), table)


def read_values(text: str) -> list[Any]:
    """The values of a comma-separated list, each as TOML, or as a word; a list in [ ] is one value.

    >>> read_values("0.05, 1, mlp, [0.2, 1.0]")
    [0.05, 1, 'mlp', [0.2, 1.0]]
    """
    values: list[Any] = []
    for part in split_list(text):
        try:
            values.append(tomllib.loads(f"value = {part}")["value"])
        except tomllib.TOMLDecodeError:
            values.append(part)
    return [value for value in values if value != ""]


def apply_tables(
    entries: list[dict[str, Any]], tables: Mapping[str, Any], named: Collection[str], known: Collection[str]
) -> None:
    """Merge the tables of methods into their entries, in place.

    A table is of the entry that has this title; if there is none, of all entries of the method of this name, whose own
    settings come first.

    Args:
        tables: by label or name.
        named: tables that the user wrote as overrides: those of a method that is not compared are refused; others
            (of a recipe that is used for fewer methods) are left out.
        known: names of the shipped methods.

    Raises:
        UserError: a table of no method, or of none that is compared.
    """
    for key, table in tables.items():
        titled = [e for e in entries if (e.get("label") or e["name"]) == key]
        found = titled or [e for e in entries if e["name"] == key]
        titles = {str(e.get("label") or e["name"]) for e in entries}
        if not found and key not in known:
            raise unknown("key or method", key, {*titles, *known})
        if not found and key in named:
            raise UserError(f"--set {key}: method {key!r} is not compared; there are: {', '.join(sorted(titles))}")
        if not isinstance(table, Mapping):
            raise UserError(f"recipe: {key} = {table!r}: a method takes a table of settings, such as {key}.way = 5")
        for entry in found:
            entry.update(_merged(entry, table) if titled else _merged(_merged({"name": key}, table), entry))


def _merged(entry: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with the keys of a method's table: some are its own, all others are settings, by dotted path."""
    own = {key: value for key, value in table.items() if key in ("name", *OF_ENTRY) and key != "settings"}
    plain = {key: value for key, value in table.items() if key not in ("name", *OF_ENTRY)}
    settings = {**entry.get("settings", {}), **table.get("settings", {}), **_flat(plain)}
    return {**entry, **own, **({"settings": settings} if settings else {})}


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
