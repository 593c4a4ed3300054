"""Equal tuning: the same number of trials for every method, on classes that nothing else sees, then reported."""

import json
from pathlib import Path

import pytest
import torch

import metaclr
from episodes import PRESETS, ImageSet, ViewRecipe
from metaclr.comparison.settings.tuning_space import Space, space_of, validation_split
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import CompareRecipe, MethodEntry
from metaclr.recipe.view_strength import strength_table, with_strength
from tests.metaclr.comparison.small import SETTINGS, stripes

OPTIONS = [*(line for line in SETTINGS if "low_label" not in line), "evaluate.linear=false", "evaluate.knn=false",
           "evaluate.low_label=false"]  # fmt: skip


def test_strength_one_changes_nothing_and_zero_is_the_identity_but_for_probabilities() -> None:
    for name, recipe in PRESETS.items():
        assert with_strength(recipe, 1.0) == recipe, name
        assert ViewRecipe(**strength_table(recipe, 1.5)) == with_strength(recipe, 1.5), name
    weak, strong = (with_strength(PRESETS["simclr"], s) for s in (0.5, 1.5))
    low = [recipe.crop_scale[0] for recipe in (weak, PRESETS["simclr"], strong) if recipe.crop_scale]
    assert low[0] > low[1] >= low[2] > 0
    assert weak.brightness < strong.brightness <= 1
    assert with_strength(PRESETS["omniglot"], 0.0).zoom == (1, 1)


def test_the_space_of_a_method_is_what_it_has() -> None:
    recipe = CompareRecipe()
    assert space_of(MethodEntry(name="simclr"), get("simclr"), recipe, "gentle") == Space(1e-3, 0.2, True)
    assert space_of(MethodEntry(name="protonet"), get("protonet"), recipe, "gentle") == Space(1e-3, None, True)
    own = MethodEntry(name="simclr", views="strong", settings={"temperature": 0.5}, overrides={"train.lr": 0.01})
    assert space_of(own, get("simclr"), recipe, "gentle") == Space(0.01, 0.5, False)


def test_validation_classes_are_not_trained_on_and_copies_stay_together() -> None:
    bars = stripes(12, 4)
    copies = ImageSet(bars.images, bars.labels, bars.class_names, copies_of=tuple(f"c{i // 2}" for i in range(12)))
    with pytest.raises(UserError, match="has 6 classes, too few to hold some out"):
        validation_split(copies, "bars")
    trained, validation = validation_split(bars, "bars")
    assert trained.classes + validation.classes == 12
    assert not set(trained.class_names) & set(validation.class_names)
    assert validation_split(bars, "bars")[1].class_names == validation.class_names
    with pytest.raises(UserError, match="no labels"):
        validation_split(ImageSet(torch.zeros(4, 1, 8, 8, dtype=torch.uint8)), "bare")


def test_every_method_gets_the_same_trials_and_the_table_says_so(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    bars, others = stripes(16, 12), stripes(6, 12, "others")
    options = {"sources": {"bars": bars}, "targets": {"others": others}, "overrides": OPTIONS, "quiet": True}
    out = tmp_path / "out"
    result = metaclr.compare(methods=["simclr", "protonet"], tune=3, tune_steps=3, out=out, **options)
    assert not result.failures
    tried = json.loads((out / "tuning" / "tuning.json").read_text())
    assert {name: len(trials) for name, trials in tried.items()} == {"simclr": 3, "protonet": 3}
    assert tried["simclr"][0] | {"accuracy": 0} == {
        "train.lr": 1e-3,
        "temperature": 0.2,
        "strength": 1.0,
        "accuracy": 0,
    }
    assert len({trial["train.lr"] for trial in tried["simclr"]}) == 3
    assert "temperature" not in tried["protonet"][0]
    best = max(tried["simclr"], key=lambda trial: trial["accuracy"])
    recipe = metaclr.recipe.resolve(metaclr.recipe.read(out / "recipe.toml"))
    assert recipe.methods[0].overrides["train.lr"] == pytest.approx(best["train.lr"])
    assert recipe.methods[0].settings["temperature"] == pytest.approx(best["temperature"])
    table = (out / "tables" / "main.md").read_text()
    assert "Tuned: 3 trials of 3 steps for every method, chosen by 4-way 1-shot accuracy on 4 held-out classes" in table
    assert "simclr: trial " in table
    before = {path: path.stat().st_mtime_ns for path in (out / "tuning" / "runs").rglob("rows.csv")}
    metaclr.compare(methods=["simclr", "protonet"], tune=3, tune_steps=3, out=out, **options)
    assert before == {path: path.stat().st_mtime_ns for path in (out / "tuning" / "runs").rglob("rows.csv")}


def test_refused_before_any_work(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    bars = stripes(16, 12)
    options = {"methods": ["simclr"], "targets": {"more": stripes(6, 12, "others")}, "tune": 2, "quiet": True}
    with pytest.raises(UserError, match="16 of its classes are trained on"):
        metaclr.compare(sources={"bars": bars}, tune_on="bars", out=tmp_path / "a", overrides=OPTIONS, **options)
    with pytest.raises(UserError, match="--tune trains on one source"):
        metaclr.compare(sources={"a": bars, "b": bars}, out=tmp_path / "b", overrides=OPTIONS, **options)
