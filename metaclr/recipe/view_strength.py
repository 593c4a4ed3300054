"""A view recipe made weaker or stronger as a whole, for tuning."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import episodes

if TYPE_CHECKING:
    from episodes import ViewRecipe

_AMOUNTS = ("rotate", "shear", "shift", "elastic", "brightness", "contrast", "saturation", "hue", "dropout")
_MOST = {"hue": 0.5, "brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "dropout": 0.9}
_LEAST_CROP = 0.02


def with_strength(recipe: ViewRecipe, strength: float) -> ViewRecipe:
    """The recipe with its amounts multiplied by `strength`; its probabilities stay.

    Amounts of pose and color are multiplied (up to what they may be), the smallest crop is moved from the largest by
    that factor, factors of zoom are raised to that power, and strokes are thinned and thickened by that much more.

    >>> from episodes import ViewRecipe
    >>> with_strength(ViewRecipe(rotate=10, crop_scale=(0.5, 1.0)), 0.5).crop_scale
    (0.75, 1.0)
    """
    if strength == 1.0:
        return recipe  # to the last bit
    changed: dict[str, Any] = {name: _times(getattr(recipe, name), strength, _MOST.get(name)) for name in _AMOUNTS}
    if recipe.crop_scale is not None:
        low, high = recipe.crop_scale
        changed["crop_scale"] = (max(high - (high - low) * strength, min(low, _LEAST_CROP)), high)
    changed["zoom"] = tuple(factor**strength for factor in recipe.zoom)
    changed["stroke"] = tuple(max(-1.0, min(1.0, amount * strength)) for amount in recipe.stroke)
    return replace(recipe, **changed)


def _times(value: Any, strength: float, most: float | None) -> Any:
    """An amount, or one for each axis, times `strength`; at most `most`, or what it is where that is more."""
    if isinstance(value, tuple):
        return tuple(_times(one, strength, most) for one in value)
    return value * strength if most is None else min(value * strength, max(most, value))


def strength_table(recipe: ViewRecipe, strength: float) -> dict[str, Any]:
    """`with_strength` as a table of a recipe's `view_recipes`: the fields that are not the identity's."""
    plain = asdict(episodes.ViewRecipe())
    fields = asdict(with_strength(recipe, strength))
    return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items() if v != plain[name]}
