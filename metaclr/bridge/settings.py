"""Settings are nested frozen dataclasses; here they are flattened, compared and overridden by name."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from metaclr.errors import UserError, unknown
from metaclr.heads import similarity

S = TypeVar("S")


def leaves(spec: object, prefix: str = "") -> dict[str, Any]:
    """Every plain value in the settings by its dotted path: `{"temperature": 0.5, "head.similarity": dot}`."""
    if isinstance(spec, tuple):
        parts = [(str(position), value) for position, value in enumerate(spec)]
    elif is_dataclass(spec) and not isinstance(spec, type):
        parts = [(field.name, getattr(spec, field.name)) for field in fields(spec)]
    else:
        return {prefix.rstrip("."): spec}
    return {path: leaf for name, value in parts for path, leaf in leaves(value, f"{prefix}{name}.").items()}


def override(spec: S, **changes: Any) -> S:
    """A copy with some settings changed; each is named by its field, or by its dotted path where that is needed.

    >>> from metaclr.bridge import Objective
    >>> override(Objective(), temperature=0.2).temperature
    0.2

    Raises:
        UserError: no such setting, several of that name, or a value of the wrong type.
    """
    for name, value in changes.items():
        known = leaves(spec)
        paths = [path for path in known if path == name or path.endswith(f".{name}")]
        if name in known:
            paths = [name]
        if not paths:
            raise unknown("setting", name, known)
        if len(paths) > 1:
            raise UserError(f"setting {name!r} is in several places; name one of: {', '.join(paths)}")
        spec = _replaced(spec, paths[0].split("."), _checked(name, known[paths[0]], value))
    return spec


def _replaced(spec: Any, path: list[str], value: object) -> Any:
    """`spec` with the leaf at `path` replaced; every value on the way is validated again by its own class."""
    if not path:
        return value
    name, *rest = path
    if isinstance(spec, tuple):
        place = int(name)
        return (*spec[:place], _replaced(spec[place], rest, value), *spec[place + 1 :])
    return replace(spec, **{name: _replaced(getattr(spec, name), rest, value)})


def _checked(name: str, old: object, new: object) -> object:
    """The new value, converted where that loses nothing (an int for a float, a similarity by its name)."""
    if callable(old):
        return similarity.get(new) if isinstance(new, str) else new
    if isinstance(old, float) and isinstance(new, int) and not isinstance(new, bool):
        return float(new)
    if old is None or new is None or type(old) is type(new):
        return new
    raise UserError(f"{name} = {new!r} has the wrong type: it must be like {old!r}")


def format_setting(value: object) -> str:
    """A setting as a reader writes it: `leave_one_out`, `unit_norm`, `Prototypes(squared_euclidean)`.

    Equal settings are shown alike and different ones differently.
    """
    if isinstance(value, tuple):
        return "(" + ", ".join(format_setting(item) for item in value) + ")"
    if not is_dataclass(value) or isinstance(value, type):
        return str(getattr(value, "__name__", value))
    if type(value).__str__ is not object.__str__:
        return str(value)
    name, entries = type(value).__name__, fields(value)
    if not entries:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if len(entries) == 1:
        return f"{name}({format_setting(getattr(value, entries[0].name))})"
    return f"{name}({', '.join(f'{field.name}={format_setting(getattr(value, field.name))}' for field in entries)})"
