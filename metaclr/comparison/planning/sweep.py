"""A sweep: every method of a recipe with every combination of some values, as the methods of one comparison."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from metaclr.comparison.labels.positives_setting import declared
from metaclr.comparison.settings.method_files import find_method
from metaclr.errors import UserError

if TYPE_CHECKING:
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe, MethodEntry

LABELS = ("label_share", "label_noise")
"""Keys that only methods which read labels can vary; others are trained once."""

BATCH = "train.batch_views"
ALIASES = {"batch": BATCH, "crop": "views.crop_scale", "depth": "projector", "dim": "encoder.projector_dim"}
"""Short names of keys."""
DEPTHS = {0: "none", 1: "linear", 2: "mlp", 3: "mlp3"}
"""Projectors by their number of linear layers, the values of `depth`."""


def expand_sweep(recipe: CompareRecipe, methods: Mapping[str, Method] | None = None) -> CompareRecipe:
    """The recipe with one method for each method and combination of its `sweep`; itself without one.

    Methods that a former expansion made stay as they are, so that the recipe of a results folder can be run again.

    Keys: a setting of the objective or the tasks (`temperature`, `way`, `shot`, `query`, `negatives.size`), `projector`
    or `depth`, `views` (name of a view recipe), `views.FIELD` and `crop` (smallest area of a crop), `batch` and other
    keys `train.KEY` and `encoder.KEY`, `label_share`, `label_noise`. With `batch` the number of steps follows, so that
    all see as many views.

    Args:
        methods: the caller's own methods by name.

    Raises:
        UserError: a key without values, or a value that its key cannot have.
    """
    if not recipe.sweep:
        return recipe
    for key, values in recipe.sweep.items():
        if not values:
            raise UserError(f"sweep: {key} has no values; write {key}=1,2,3")
    made: dict[str, MethodEntry] = {}
    view_recipes = dict(recipe.view_recipes)
    for entry in recipe.methods:
        if entry.of is not None:
            made[entry.title] = entry
            continue
        reads_labels = declared(find_method(entry.name, methods), entry.settings).labels == "given"
        keys = [key for key in recipe.sweep if reads_labels or key not in LABELS]
        for values in product(*(recipe.sweep[key] for key in keys)):
            point = dict(zip(keys, values, strict=True))
            swept = _at(entry, point, recipe, view_recipes)
            made[swept.title] = swept
    return recipe.model_copy(update={"methods": tuple(made.values()), "view_recipes": view_recipes})


def _at(entry: MethodEntry, point: Mapping[str, Any], recipe: CompareRecipe, views: dict[str, Any]) -> MethodEntry:
    """One method at one point; its view recipe is added to `views`."""
    named = " ".join(f"{key}={_shown(value)}" for key, value in point.items())
    fields: dict[str, Any] = {"of": entry.title, "point": dict(point)}
    fields["label"] = f"{entry.title} {named}" if named else entry.label
    settings, overrides = dict(entry.settings), dict(entry.overrides or {})
    for given, value in point.items():
        key = ALIASES.get(given, given)
        if given == "depth":
            if value not in DEPTHS:
                raise UserError(f"sweep: depth = {value!r}: {', '.join(map(str, DEPTHS))} linear layers")
            fields["projector"] = DEPTHS[value]
        elif key in ("projector", "views", *LABELS):
            fields[key] = str(value) if key in ("projector", "views") else value
        elif key.startswith("views."):
            name = f"{key.removeprefix('views.')}={_shown(value)}"
            limits = [value, 1.0] if given == "crop" else value
            base = fields.get("views") or entry.views or recipe.views
            name = f"{base} {name}"
            views[name] = {"base": base, key.removeprefix("views."): limits}
            fields["views"] = name
        elif key.startswith(("train.", "encoder.")):
            overrides[key] = value
            if key == BATCH and "train.steps" not in point:
                overrides["train.steps"] = _steps(recipe, value)
        else:
            settings[key] = value
    fields |= {"settings": settings, "overrides": overrides or None}
    # Validated again, so that a share above 1 or an unknown key is refused by name.
    return _valid(entry, {**entry.model_dump(), **fields})


def _steps(recipe: CompareRecipe, batch: Any) -> int:
    """Optimizer steps that see as many views as the recipe's budget."""
    if not isinstance(batch, int) or batch < 1:
        raise UserError(f"sweep: {BATCH} = {batch!r}: a whole number of views")
    return max(1, round(recipe.train.steps * recipe.train.batch_views / batch))


def _valid(entry: MethodEntry, fields: dict[str, Any]) -> MethodEntry:
    from pydantic import ValidationError

    try:
        return type(entry).model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"sweep: {key} = {first['input']!r}: {first['msg'].removeprefix('Value error, ')}") from error


def _shown(value: Any) -> str:
    return str(value).replace(" ", "")
