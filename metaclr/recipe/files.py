"""Recipes as TOML: shipped, found, read, overridden by `--set`, written back resolved."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from metaclr.errors import UserError, unknown
from metaclr.recipe.model import CompareRecipe

SHIPPED = Path(str(files("metaclr"))) / "recipes"


def names() -> list[str]:
    """Names of the recipes that ship with the package."""
    return sorted(p.stem for p in SHIPPED.glob("*.toml"))


def find(name: str) -> Path:
    """A shipped recipe by name, or a TOML file by path.

    Raises:
        UserError: neither; says the nearest shipped name.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        if path.is_dir():
            path = path / "recipe.toml"
        if not path.is_file():
            raise UserError(f"recipe {name!r}: no such file")
        return path
    if name not in names():
        raise unknown("recipe", name, names())
    return SHIPPED / f"{name}.toml"


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises UserError with file and line where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {path}: not valid TOML: {error}") from error
    except OSError as error:
        raise UserError(f"recipe {path}: {error.strerror}") from error


def resolve(tables: Mapping[str, Any], overrides: Sequence[str] = ()) -> CompareRecipe:
    """Validate a recipe after applying `key.sub=value` overrides (values are TOML; bare words are strings).

    Raises:
        UserError: one line naming the key, its value, what is legal, and the nearest known key.
    """
    merged = _copy(tables)
    for override in overrides:
        _apply(merged, override)
    try:
        return CompareRecipe.model_validate(merged)
    except ValidationError as error:
        raise UserError(_one_line(error)) from error


def dump(recipe: CompareRecipe) -> str:
    """The resolved recipe as TOML, every default written out."""
    import tomli_w

    return tomli_w.dumps(_plain(recipe.model_dump(mode="json", exclude_none=True)))


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _apply(tables: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted.strip():
        raise UserError(f"--set {override!r}: write it as key=value, for example train.steps=500")
    *path, last = dotted.strip().split(".")
    table = tables
    for part in path:
        nested = table.setdefault(part, {})
        if not isinstance(nested, dict):
            raise UserError(f"--set {dotted}: {part!r} is a value, not a table")
        table = nested
    table[last] = _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if "," in text and not text.startswith(("[", "{", '"')):
            return [_value(part.strip()) for part in text.split(",")]
        return text


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    # Branches of a union ("FewShotRecipe", "literal[False]") are pydantic's own words, not the user's keys.
    where = [str(part) for part in first["loc"] if not _is_branch(part)]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        known = _keys(where[:-1])
        near = get_close_matches(where[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        return f"recipe: unknown key {key!r}; {hint}"
    message = first["msg"].removeprefix("Value error, ").replace("valid tuple", "list in [ ]")
    message = re.sub("valid dictionary( or instance of .*)?", "table of settings", message)
    return f"recipe: {key} = {first['input']!r}: {message[:1].lower() + message[1:]}"


def _is_branch(part: object) -> bool:
    return isinstance(part, str) and (part.endswith("Recipe") or part.startswith("literal["))


def _keys(path: Sequence[str]) -> list[str]:
    model: type[BaseModel] = CompareRecipe
    for part in path:
        if part.isdigit():
            continue
        field = model.model_fields.get(part)
        nested = _nested(field.annotation) if field else None
        if nested is None:
            return []
        model = nested
    return sorted(model.model_fields)


def _nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_nested, get_args(annotation)) if found), None)
