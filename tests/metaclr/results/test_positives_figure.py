"""The figure of sources of positives: drawn where methods differ in them, from paired differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import metaclr
from metaclr.recipe import find, read, resolve
from metaclr.results.figures.positives import headline_columns, positives_figures, worth
from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import load
from tests.metaclr.comparison import small

METHODS = [
    {"name": "simclr", "label": source, "settings": {"positives": source}}
    for source in ("label", "augmentation", "patch")
]


def test_worth_is_the_paired_difference_to_augmentation(tmp_path: Path) -> None:
    sources, targets = {"stripes": small.stripes(16)}, {"bars": small.stripes(12, name="bars")}
    changes = [*small.SETTINGS, "evaluate.few_shot.heads=cosine", "evaluate.linear=false", "evaluate.knn=false"]
    found = metaclr.compare(
        methods=METHODS, sources=sources, targets=targets, seeds=[0, 1, 2], out=tmp_path, device="cpu", quiet=True,
        overrides=[*changes, "evaluate.few_shot.ways=[3, 4]", "evaluate.low_label=false"],
    )  # fmt: skip
    assert not found.failures
    assert (tmp_path / "figures" / "what-is-a-positive-worth.png").is_file()
    results = load(tmp_path)
    summary = summarise(results)
    (column,) = headline_columns(summary)
    assert (column.way, column.shot) == (4, 1)
    effects = worth(summary, "augmentation", column)
    rows = found.rows[(found.rows.way == 4) & (found.rows.shot == 1)]
    means = rows.groupby("method").value.mean()
    for method in ("label", "patch", "untrained", "pixels"):
        assert effects[method].value == pytest.approx(means[method] - means["augmentation"], abs=1e-4)
        assert effects[method].p is not None
    assert len(effects["label"].seeds) == 3
    (figure,) = positives_figures(results, summary)
    assert "new trainings" in figure.caption
    assert positives_figures(replace(results, about=replace(results.about, methods={})), summary) == []


def test_the_shipped_recipe_changes_nothing_but_the_source() -> None:
    recipe = resolve(read(find("what-is-a-positive-worth")))
    assert {entry.name for entry in recipe.methods} == {"simclr"}
    assert {key for entry in recipe.methods for key in entry.settings} == {"positives", "group.by"}
    assert "augmentation" in {entry.title for entry in recipe.methods}
