"""Recipes as TOML: find, read, override by `--set`, write the resolved recipe."""

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
from metaclr.recipe.method_settings import apply_tables, entry_of, split_list
from metaclr.recipe.model import ADAPTABLE, CONTROLS, FORMAT, CompareRecipe

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
    """The tables of a TOML file. Raises UserError with file and line if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {path}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"recipe {path}: lists or tables are nested too deeply to be read") from error
    except OSError as error:
        raise UserError(f"recipe {path}: {error.strerror}") from error


def resolve(tables: Mapping[str, Any], overrides: Sequence[str] = ()) -> CompareRecipe:
    """Validate a recipe after applying `key.sub=value` overrides (values are TOML; bare words are strings).

    A key that is the name or the label of a method sets that method: `simclr.temperature=0.1`. `fixed` becomes the
    keys that data may not change: those of the recipe's own list, or all that it writes, and the overrides.

    Raises:
        UserError: one line naming the key, its value, what is legal, and the nearest known key.
    """
    merged = _copy(tables)
    fixed = merged.get("fixed", written(merged))
    for override in overrides:
        _apply(merged, override)
    given = [override.partition("=")[0].strip() for override in overrides]
    given += ["views"] if any(key.startswith("views.") for key in given) else []
    if isinstance(fixed, (list, tuple)):
        merged["fixed"] = [*dict.fromkeys((*fixed, *(key for key in given if key in ADAPTABLE)))]
    _set_methods(merged, {key.split(".")[0] for key in given})
    _name_views(merged)
    try:
        return CompareRecipe.model_validate(merged)
    except ValidationError as error:
        raise UserError(_one_line(error)) from error


def written(tables: Mapping[str, Any]) -> list[str]:
    """The keys that data may change (`ADAPTABLE`) and for which a recipe has a value."""

    def has(table: Any, path: Sequence[str]) -> bool:
        return not path or (isinstance(table, Mapping) and path[0] in table and has(table[path[0]], path[1:]))

    return [key for key in ADAPTABLE if has(tables, key.split("."))]


def for_other_data(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's tables for other sources than its own: size, channels and views come from them, unless fixed."""
    fixed = tables.get("fixed", written(tables))
    return {key: value for key, value in tables.items() if key not in FORMAT or key in fixed}


def _name_views(tables: dict[str, Any]) -> None:
    """`[views.NAME]` tables become `view_recipes`, and `views` the name in use: `use`, or that of the only table left.

    Tables that a method or another table names are not left; where none is, `views` are those of the data.
    """
    views = tables.get("views")
    if not isinstance(views, dict):
        return
    own = {name: value for name, value in views.items() if name != "use"}
    for name, value in own.items():
        if not isinstance(value, dict):
            raise UserError(f"recipe: views.{name} = {value!r}: write a view recipe as a table [views.NAME]")
    left = [name for name in own if name not in _named_views(own, tables.get("methods"))]
    if "use" not in views and (len(left) > 1 or not own):
        raise UserError(f"recipe: views.use must name one of: {', '.join(own) or 'no table is given'}")
    if "use" in views or left:
        tables["views"] = views.get("use", next(iter(left), ""))
    else:
        del tables["views"]
    tables["view_recipes"] = {**tables.get("view_recipes", {}), **own}


def _named_views(own: Mapping[str, Mapping[str, Any]], entries: Any) -> set[str]:
    """Views that another table of views, or an entry of `methods`, names."""
    named = [table.get(key) for table in own.values() for key in ("base", "support", "query")]
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            settings = entry.get("settings")
            named += [entry.get("views"), settings.get("support_views") if isinstance(settings, Mapping) else None]
    return {name for name in named if isinstance(name, str)}


def _set_methods(tables: dict[str, Any], named: set[str]) -> None:
    """Methods as tables, with the settings of `[METHOD]` tables merged into them."""
    entries = tables.get("methods", [entry.name for entry in CompareRecipe().methods])
    entries = split_list(entries) if isinstance(entries, str) else entries
    if isinstance(entries, (list, tuple)):
        entries = _without_all(entries)
    extra = {key: value for key, value in tables.items() if key not in CompareRecipe.model_fields}
    if not isinstance(entries, (list, tuple)) or not all(isinstance(e, str) or _is_entry(e) for e in entries):
        if extra:
            raise unknown("key", next(iter(extra)), CompareRecipe.model_fields)
        return  # the model says what is wrong
    made = [entry_of(e, _value) if isinstance(e, str) else dict(e) for e in entries]
    if extra:
        from metaclr.methods import names as known_methods

        of_methods = {k: v for k, v in extra.items() if isinstance(v, dict) and not _misspelled(k, made)}
        apply_tables(made, of_methods, named, known_methods())
        for key in of_methods:
            del tables[key]
    if "methods" in tables or extra:
        tables["methods"] = made


def _without_all(entries: Sequence[Any]) -> list[Any]:
    """The entries with every shipped method in place of "all"; those that are named beside it stand once.

    Methods that few data sets can train (texts and types of classes) must be named.
    """
    if "all" not in entries:
        return list(entries)
    from metaclr.methods.summaries import summaries

    named = {e if isinstance(e, str) else e.get("label") or e.get("name") for e in entries if e != "all"}
    every = [m.name for m in summaries() if m.name not in {*CONTROLS, *named} and m.family != "typed-pairs"]
    place = list(entries).index("all")
    return [*entries[:place], *every, *(e for e in entries[place:] if e != "all")]


def _is_entry(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)


def _misspelled(key: str, entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a table is rather a misspelled key of the recipe than that of a method."""
    from metaclr.methods import names as known_methods

    if key in {str(e.get("label") or e["name"]) for e in entries} | {e["name"] for e in entries}:
        return False
    nearest = get_close_matches(key, [*CompareRecipe.model_fields, *known_methods()], n=1, cutoff=0.5)
    return not nearest or nearest[0] in CompareRecipe.model_fields


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
    if path[:1] == ["views"] and isinstance(tables.get("views"), str):
        tables["views"] = {}  # a view recipe of one's own takes the place of a shipped one
    if not path and last == "views" and isinstance(tables.get("views"), dict):
        path = ["views"]
        last = "use"
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
        if len(parts := split_list(text)) > 1 and not text.startswith(("[", "{", '"')):
            return [_value(part) for part in parts]
        return text


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    # Branches of a union ("FewShotRecipe", "literal[False]") are pydantic's names, not keys of the recipe.
    where = [str(part) for part in first["loc"] if not _is_branch(part)]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        known = _keys(where[:-1])
        near = get_close_matches(where[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        more = "; evaluators of your own are switched on in evaluate.more" if where[:-1] == ["evaluate"] else ""
        return f"recipe: unknown key {key!r}; {hint}{more}"
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
