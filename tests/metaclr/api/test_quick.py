"""`--quick` makes every part smaller, and leaves out what a recipe leaves out."""

from __future__ import annotations

from metaclr.api.comparing import QUICK, quick_lines
from metaclr.recipe import find, read, resolve


def test_an_evaluator_that_is_off_stays_off() -> None:
    tables = read(find("glyphs"))
    assert tuple(quick_lines(tables)) == (*QUICK, "encoder.options.width=32")
    tables["evaluate"]["low_label"] = False
    resolved = resolve(tables, quick_lines(tables))
    assert resolved.evaluate.low_label is False
    assert resolved.evaluate.few_shot
    assert resolved.evaluate.few_shot.episodes == 200


def test_an_encoder_with_a_width_has_half_of_it_and_keeps_its_other_options() -> None:
    tables = read(find("glyphs"))
    tables["encoder"]["options"] = {"width": 10, "depth": 3}
    assert resolve(tables, quick_lines(tables)).encoder.options == {"width": 5, "depth": 3}
    for encoder in ({"name": "resnet18"}, {"name": "conv4", "options": {}}, "conv4"):
        assert tuple(quick_lines({"encoder": encoder})) == QUICK


def test_every_shipped_recipe_can_be_quick() -> None:
    for name in ("glyphs", "omniglot"):
        tables = read(find(name))
        assert resolve(tables, quick_lines(tables)).train.steps < resolve(tables).train.steps
