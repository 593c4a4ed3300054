"""A method's own projector and views are part of what its weights depend on."""

from __future__ import annotations

from metaclr.comparison.runs.run import Run
from metaclr.methods import get
from metaclr.recipe import MethodEntry, resolve


def test_another_projector_or_view_recipe_is_another_training() -> None:
    recipe = resolve({"size": 28, "channels": 1, "views": "gentle"})
    entries = [
        MethodEntry(name="simclr"),
        MethodEntry(name="simclr", projector="none"),
        MethodEntry(name="simclr", projector="linear"),
        MethodEntry(name="simclr", views="strong"),
        MethodEntry(name="simclr", label="the same as the first"),
    ]
    found = [Run(entry, get("simclr"), "glyphs:source", 0).identity(recipe, "x") for entry in entries]
    assert len(set(found)) == 4
    assert found[0] == found[4]
