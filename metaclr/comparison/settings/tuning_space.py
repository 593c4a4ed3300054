"""What `compare --tune` tries: a small space of each method, and the validation classes that judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from episodes import PRESETS, ImageSet, random
from metaclr.comparison.settings.image_format import VIEWS
from metaclr.errors import UserError
from metaclr.methods import Method
from metaclr.recipe import CompareRecipe, MethodEntry
from metaclr.recipe.view_strength import strength_table
from metaclr.recipe.views import view_recipe

RATE = "train.lr"

RATE_FACTOR = 3.0
"""Learning rates are tried from the recipe's divided by this to multiplied by it, evenly in the logarithm."""

TEMPERATURE_FACTOR = 4.0
"""The same of temperatures, of methods that have one."""

STRENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Of the views, see `metaclr.recipe.view_strength`."""

HELD_OUT = 0.25
"""Share of the source's classes that judge, where the source has no validation classes of its own."""

_MIN_CLASSES = 4


@dataclass(frozen=True)
class Space:
    """What is tried of one method: its rate always; its temperature (None without one); views (False if its own)."""

    rate: float
    temperature: float | None
    strength: bool

    @property
    def defaults(self) -> dict[str, float]:
        """The first trial: the method as it is."""
        found = {RATE: self.rate}
        if self.temperature is not None:
            found["temperature"] = self.temperature
        if self.strength:
            found["strength"] = 1.0
        return found

    def __str__(self) -> str:
        """For a table note."""
        parts = [f"learning rate {self.rate / RATE_FACTOR:.3g} to {self.rate * RATE_FACTOR:.3g}"]
        if self.temperature is not None:
            low, high = self.temperature / TEMPERATURE_FACTOR, self.temperature * TEMPERATURE_FACTOR
            parts.append(f"temperature {low:.3g} to {high:.3g}")
        if self.strength:
            parts.append(f"strength of the views {STRENGTHS[0]:g} to {STRENGTHS[-1]:g}")
        return ", ".join(parts)


def space_of(entry: MethodEntry, method: Method, recipe: CompareRecipe, views: str) -> Space:
    """The space of one method: what its entry or its declaration fixes is where the ranges start from.

    views: name of the shared view recipe; "" where it is no table (a function), so that its strength is not tried.
    """
    rate = float((entry.overrides or {}).get(RATE, recipe.train.lr))
    declared = entry.settings.get("temperature", method.defaults.get("temperature"))
    has_one = isinstance(declared, int | float) and not isinstance(declared, bool) and declared != 1.0
    own_views = bool(entry.views) or recipe.views_mode == "per_method" or "support_views" in entry.settings
    shared = bool(views) and not own_views and views != "identity"
    return Space(rate, float(declared) if has_one else None, shared)  # type: ignore[arg-type]


def strength_recipes(recipe: CompareRecipe, channels: int) -> tuple[str, dict[str, Any]]:
    """The name of the shared view recipe, and tables of its strengths by the names that trials give them."""
    name = recipe.views or VIEWS[channels]
    if name not in PRESETS and name not in recipe.view_recipes:
        return "", {}
    base = view_recipe(name, recipe.view_recipes)
    return name, {views_name(s): strength_table(base, s) for s in STRENGTHS if s != 1.0}


def views_name(strength: float) -> str:
    """The name of the views of a strength; "" for the recipe's own."""
    return "" if strength == 1.0 else f"strength-{strength:g}"


def with_values(entry: MethodEntry, values: Mapping[str, float], label: str) -> MethodEntry:
    """A method's entry with the values of a trial."""
    changed: dict[str, Any] = {"label": label, "overrides": {**(entry.overrides or {}), RATE: values[RATE]}}
    if "temperature" in values:
        changed["settings"] = {**entry.settings, "temperature": values["temperature"]}
    if views_name(values.get("strength", 1.0)):
        changed["views"] = views_name(values["strength"])
    return entry.model_copy(update=changed)


def validation_split(source: ImageSet, name: str) -> tuple[ImageSet, ImageSet]:
    """The classes to train trials on and those that judge them: a quarter of the classes, copies together.

    Raises:
        UserError: no labels, or too few classes.
    """
    if source.labels is None:
        raise UserError(f"--tune: source {name!r} has no labels, so no classes to judge on; name them with --tune-on")
    origins = source.class_origins()
    count = int(origins.max()) + 1
    if count < 2 * _MIN_CLASSES:
        raise UserError(
            f"--tune: source {name!r} has {count} classes, too few to hold some out; name a data set with --tune-on"
        )
    held = max(_MIN_CLASSES, round(HELD_OUT * count))
    chosen = set(random.permute(random.key(0, "tuning classes"), torch.arange(count), count)[:held].tolist())
    judged = [i for i, origin in enumerate(origins.tolist()) if origin in chosen]
    trained = [i for i, origin in enumerate(origins.tolist()) if origin not in chosen]
    return source.only_classes(trained), source.only_classes(judged)


def trial_recipe(recipe: CompareRecipe, views: Mapping[str, Any], steps: int | None, ways: int) -> CompareRecipe:
    """The recipe of all trials: one seed, few-shot accuracy by each method's own procedure, nothing else."""
    few = {"ways": (ways,), "shots": (1,), "episodes": 500, "heads": ("method",), "validation": ""}
    evaluate = {"few_shot": few, "linear": False, "knn": False, "low_label": False}
    tables = recipe.model_dump(mode="json", exclude_none=True)
    tables |= {"evaluate": evaluate, "seeds": [0], "fixed": [], "protocol": "", "shuffle_labels": False}
    tables["view_recipes"] = {**tables.get("view_recipes", {}), **views}
    if steps is not None:
        tables["train"] = {**tables["train"], "steps": steps}
    return CompareRecipe.model_validate(tables)


def folder_of(out: Path) -> Path:
    """Where the trials of a comparison lie."""
    return out / "tuning"
