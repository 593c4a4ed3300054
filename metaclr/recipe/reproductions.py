"""Shipped reproductions of published tables: a recipe, its budgets, and the published rows beside each method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from metaclr.errors import UserError, unknown
from metaclr.recipe.files import SHIPPED, read, resolve
from metaclr.recipe.model import CompareRecipe

Budget = Literal["full", "hour", "smoke"]
BUDGETS: tuple[str, ...] = get_args(Budget)
_FOLDER = SHIPPED / "reproduce"
_KEYS = {"description", "benchmark", "rows", "reference", "differs", "budget", "recipe"}


@dataclass(frozen=True)
class Reproduction:
    """One published table. rows: our method's title -> the names of published rows it stands beside.

    benchmark: of the published figures; "" (and no rows) where no figure of the table could be read in a source.

    reference: the method that published differences are to. differs: lines on what is not as published.
    budgets: by name, the KEY=VALUE settings of each, and under "note" what of the published training it is.
    """

    name: str
    description: str
    benchmark: str
    rows: Mapping[str, tuple[str, ...]]
    reference: str
    differs: tuple[str, ...]
    budgets: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Any]

    def overrides(self, budget: str) -> list[str]:
        """The settings of a budget as KEY=VALUE lines.

        Raises:
            UserError: an unknown budget.
        """
        if budget not in self.budgets:
            raise unknown("budget", budget, self.budgets)
        return [f"{key}={_toml(value)}" for key, value in self.budgets[budget].items() if key != "note"]

    def note(self, budget: str) -> str:
        """What of the published training a budget is; "" for all of it."""
        return str(self.budgets[budget].get("note", ""))

    def recipe(self, budget: str) -> CompareRecipe:
        """The comparison of a budget."""
        return resolve(self.tables, self.overrides(budget))


def reproduction_names() -> list[str]:
    """Names of the reproductions that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def get_reproduction(name: str) -> Reproduction:
    """A reproduction by name.

    Raises:
        UserError: an unknown name, with the nearest.
    """
    if name not in reproduction_names():
        raise unknown("reproduction", name, reproduction_names())
    stored = read(_FOLDER / f"{name}.toml")
    if wrong := set(stored) - _KEYS:
        raise UserError(f"reproduction {name!r}: unknown key {min(wrong)!r}; there are: {', '.join(sorted(_KEYS))}")
    return Reproduction(
        name,
        stored["description"],
        stored.get("benchmark", ""),
        {title: tuple(rows) for title, rows in stored["rows"].items()},
        stored.get("reference", ""),
        tuple(stored.get("differs", ())),
        stored["budget"],
        {**stored["recipe"], "name": f"reproduce-{name}", "description": stored["description"]},
    )


def _toml(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
