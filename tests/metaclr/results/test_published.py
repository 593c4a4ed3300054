"""Published figures beside ours: every figure has a source, cells are found, verdicts follow both intervals."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import metaclr
from episodes import ImageSet
from metaclr.api import reproducing
from metaclr.comparison.planning.checks import check_recipe, check_run
from metaclr.comparison.planning.sweep import expand_sweep
from metaclr.comparison.runs.naming import runs_of
from metaclr.data.named_sets import named_sets
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import CompareRecipe, reproductions
from metaclr.recipe.reproductions import BUDGETS, get_reproduction, reproduction_names
from metaclr.results.published import figures
from metaclr.results.published.comparison import same_classes_ci95, verdict
from metaclr.results.published.figures import Cell, parse_cell, published, published_figures
from metaclr.results.scores.score import Score
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.rows import read_rows
from tests.metaclr.comparison.small import SETTINGS, stripes


def test_every_figure_is_a_percentage_with_a_source() -> None:
    stored = tomllib.loads(Path(figures.__file__).with_name("figures.toml").read_text())
    assert {one["source"] for one in stored["figures"]} == set(stored["sources"])
    for one in published_figures():
        assert len(one.source) > 20
        assert set(one.ci95) <= set(one.values)
        for value in one.values.values():
            assert abs(value) < 20 if one.difference else 20 < value < 100
    assert published("omniglot_supervised", "ProtoNet").values[Cell("few-shot", 5, 1)] == 98.8
    with pytest.raises(UserError, match="did you mean 'ProtoNet'"):
        published("omniglot_supervised", "ProtoNets")


def test_cells() -> None:
    assert parse_cell("20w5s") == Cell("few-shot", 20, 5)
    assert str(parse_cell("linear cifar10")) == "linear, cifar10"
    with pytest.raises(UserError, match="published figure '5 ways'"):
        parse_cell("5 ways")


@pytest.mark.parametrize(
    ("ours", "half", "theirs", "their_half", "expected"),
    [
        (55.0, 0.4, 55.5, 0.7, "reached"),
        (55.0, 0.0, 55.4, None, "reached"),  # half a point for a figure without an interval
        (54.0, 0.4, 55.5, 0.7, "below by 1.5"),
        (57.0, 0.4, 55.5, 0.7, "above by 1.5"),
        (None, None, 55.5, 0.7, "not measured"),
    ],
)
def test_verdicts(
    ours: float | None, half: float | None, theirs: float, their_half: float | None, expected: str
) -> None:
    assert verdict(ours, half, theirs, their_half) == expected


@pytest.mark.parametrize("name", reproduction_names())
def test_every_reproduction_is_whole(name: str) -> None:
    one = get_reproduction(name)
    assert set(one.budgets) == set(BUDGETS)
    assert one.note("full") == ""
    full = one.recipe("full")
    titles = {entry.title for entry in full.methods}
    assert set(one.rows) <= titles
    assert not one.reference or one.reference in titles
    for entry in full.methods:
        get(entry.name)
    for names in one.rows.values():
        for row in names:
            assert published(one.benchmark, row)
    assert bool(one.benchmark) == bool(one.rows)
    for budget in BUDGETS:
        check_whole(one.recipe(budget), can_train=budget == "hour")
    assert one.recipe("hour").train.steps < full.train.steps
    assert one.recipe("smoke").train.steps <= 4
    with pytest.raises(UserError, match="budget"):
        one.overrides("week")


def check_whole(recipe: CompareRecipe, *, can_train: bool) -> None:
    """Everything of a recipe that can be checked without its data, which are not on every machine."""
    check_recipe(recipe)
    recipe = expand_sweep(recipe)
    shape = (600, recipe.channels, recipe.size, recipe.size)
    images = ImageSet(torch.zeros(shape, dtype=torch.uint8), torch.arange(600) // 20)
    for run in runs_of(recipe):
        run.own_recipe(recipe)
        if can_train:  # builds the learner: a second for each ResNet-18 of a full budget
            check_run(run, recipe, images)
    for name in (*recipe.sources, *recipe.targets):
        known, _, parts = name.partition(":")
        assert set(parts.split("+") if parts else ()) <= set(named_sets()[known].parts)


def test_without_a_published_table(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (400, 32, 32, 3), dtype=torch.uint8, generator=generator).numpy()
    split = ["train"] * 200 + ["test"] * 200
    np.savez(tmp_path / "cifar10.npz", images=pixels, labels=np.arange(400) % 10, split=split)
    result = metaclr.reproduce("temperature", "smoke", out=tmp_path / "out", data_root=tmp_path, quiet=True)
    assert result.failures == {}
    assert result.cells == ()
    text = (tmp_path / "out" / "published.md").read_text()
    assert "No figure of the published table could be read" in text
    assert "simclr temperature=0.07 " in text
    assert "| method |" not in text


SMALL = """
description = "Bars."
benchmark = "cifar_fs"
reference = "simclr"
differs = ["bars"]
[rows]
protonet = ["ProtoNet"]
simclr = ["MAML"]
[budget.smoke]
note = "6 steps"
"encoder.options" = { width = 4 }
[budget.hour]
[recipe]
sources = ["bars"]
targets = ["bars"]
methods = ["protonet", "simclr"]
"""


def test_ours_beside_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.setattr(reproductions, "_FOLDER", tmp_path)
    bars = stripes(8, 24)
    settings = [line for line in SETTINGS if "ways" not in line and "shots" not in line]
    out = tmp_path / "out"
    metaclr.compare(
        methods=["protonet", "simclr"], sources={"bars": bars}, targets={"bars": bars}, out=out, quiet=True,
        overrides=[*settings, "evaluate.few_shot.ways=[5]", "evaluate.few_shot.shots=[1]", "evaluate.linear=false",
                   "evaluate.knn=false", "evaluate.low_label=false"],
    )  # fmt: skip
    cells, notes = reproducing.beside_published(out, "small", "smoke")
    by_cell = {(one.method, str(one.cell)): one for one in cells}
    ours = by_cell["protonet", "5-way 1-shot"]
    stored = [r for r in read_rows(out / "rows.csv") if r.method == "protonet" and r.evaluator == "few-shot method"]
    assert ours.ours == stored[0].value  # by the method's own classifier
    assert ours.theirs == 55.5
    assert ours.n_items == 60
    assert ours.ours_ci95 == stored[0].ci95_episodes  # the test classes are those of the paper
    assert by_cell["protonet", "5-way 5-shot"].ours is None
    assert {one.verdict for one in cells} == {"no result"}  # of a smoke run
    text = (out / "published.md").read_text()
    assert "| protonet | 5-way 1-shot |" in text
    assert "55.5 ± 0.7 ProtoNet" in text
    assert "Bertinetto et al. 2019" in text
    assert "Budget smoke: 6 steps." in text
    assert len((out / "published.csv").read_text().splitlines()) == 1 + len(cells)
    assert any("4 no result, of 4 cells" in note for note in notes)
    assert any("Published without a counterpart here: R2-D2: 5-way 1-shot 60.0" in note for note in notes)
    hour, _ = reproducing.beside_published(out, "small", "hour")
    for one in hour:
        assert one.verdict == verdict(one.ours, one.ours_ci95, one.theirs, one.theirs_ci95)
    assert {one.verdict for one in hour if one.ours is None} == {"not measured"}


def test_intervals_of_ours_are_for_the_classes_of_the_paper() -> None:
    column = TableColumn("s", "t", "few-shot", 5, 1, "", "accuracy")
    values = (50.0, 52.0, 54.0)
    one = Score("m", column, 52.0, 8.0, None, (0,), (52.0,), 2000, None, (), ci95_episodes=0.4)
    assert same_classes_ci95(one) == pytest.approx(0.4)
    three = replace(one, value=52.0, sd=2.0, seeds=(0, 1, 2), values=values)
    low, high = stats.t.interval(0.95, 2, loc=52, scale=2 / 3**0.5)
    assert same_classes_ci95(three) == pytest.approx(((high - low) ** 2 / 4 + 0.4**2) ** 0.5)
    probe = replace(one, ci95=1.5, ci95_episodes=None)
    assert same_classes_ci95(probe) == 1.5
