"""A sweep is one comparison: what it expands to, what it trains, what it draws, and how it goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import metaclr
from episodes import ImageSet
from metaclr.comparison.folders.run_folder import read_inputs
from metaclr.comparison.labels.known_labels import source_of
from metaclr.comparison.planning.sweep import expand_sweep
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_learner, task_shape, views_for
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import MethodEntry, dump, find, names, read, resolve
from metaclr.results.scores.geometry import headline_columns
from metaclr.results.scores.summary import summarise
from metaclr.results.scores.sweep import series_of, sweep_headlines
from metaclr.results.store.folder import load

TINY = ("train.batch_views=32", "evaluate.few_shot.episodes=20", "encoder.options={width=8}")
BASE = {"size": 28, "channels": 1, "views": "gentle", "methods": ["simclr", "protonet"]}


def expand(**sweep: list[object]) -> list[MethodEntry]:
    return list(expand_sweep(resolve({**BASE, "sweep": sweep})).methods)


def test_every_method_at_every_combination() -> None:
    found = expand(temperature=[0.1, 1.0], query=[1, 3])
    assert len(found) == 8
    assert found[0].settings == {"temperature": 0.1, "query": 1}
    assert found[1].settings == {"temperature": 0.1, "query": 3}
    assert found[0].title == "simclr temperature=0.1 query=1"
    assert {entry.of for entry in found} == {"simclr", "protonet"}
    assert found[-1].point == {"temperature": 1.0, "query": 3}


def test_what_each_kind_of_key_sets() -> None:
    (simclr, *_, protonet) = expand(batch=[64])
    assert simclr.overrides == {"train.batch_views": 64, "train.steps": 4000}  # 1,000 steps of 256 views
    assert protonet.overrides == simclr.overrides
    assert expand(depth=[0, 3])[1].projector == "mlp3"
    assert expand(views=["strong"])[0].views == "strong"
    recipe = expand_sweep(resolve({**BASE, "sweep": {"crop": [0.25]}}))
    run = Run(recipe.methods[0], get("simclr"), "x", 0)
    drawn = views_for(run, recipe)
    assert drawn.crop_scale == (0.25, 1.0)  # type: ignore[union-attr]
    assert drawn.rotate == 10  # type: ignore[union-attr]
    # Labels do not concern a method that reads none: it is trained once.
    titles = [entry.title for entry in expand(label_share=[0.1, 0.5])]
    assert titles == ["simclr", "protonet label_share=0.1", "protonet label_share=0.5"]


def test_an_expanded_recipe_stays_as_it_is() -> None:
    once = expand_sweep(resolve({**BASE, "sweep": {"temperature": [0.1, 1.0]}}))
    again = expand_sweep(resolve(__import__("tomllib").loads(dump(once))))
    assert again.methods == once.methods


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ({"temperature": []}, "has no values"),
        ({"depth": [7]}, "depth = 7: 0, 1, 2, 3 linear layers"),
        ({"batch": ["many"]}, "a whole number of views"),
        ({"train.stesp": [3]}, "is not one of: train.steps"),
        ({"label_share": [1.5]}, "label_share = 1.5"),
    ],
)
def test_refused_values(sweep: dict[str, list[object]], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        expand(**sweep)


def test_a_method_has_a_budget_of_its_own() -> None:
    recipe = resolve({**BASE, "train": {"batch_views": 64, "steps": 5}})
    entry = MethodEntry(name="simclr", overrides={"train.batch_views": 128, "encoder.projector_dim": 2})
    run = Run(entry, get("simclr"), "x", 0)
    own = run.own_recipe(recipe)
    source = ImageSet(torch.zeros(400, 1, 28, 28, dtype=torch.uint8), torch.arange(400) % 20)
    assert task_shape(run, own, source).way == 64
    assert build_learner(run, own, source).get_submodule("projector").features == 2
    assert recipe.train.batch_views == 64
    plain = Run(MethodEntry(name="simclr"), get("simclr"), "x", 0)
    assert run.identity(recipe, "") != plain.identity(recipe, "")
    # A title or a place in a sweep is no other training.
    titled = MethodEntry(name="simclr", label="other", of="simclr", point={"temperature": 0.2})
    assert Run(titled, get("simclr"), "x", 0).identity(recipe, "") == plain.identity(recipe, "")


def test_labels_that_are_few_or_wrong() -> None:
    source = ImageSet(torch.arange(200, dtype=torch.uint8).view(200, 1, 1, 1), torch.arange(200) // 10)

    def of(name: str, **settings: float) -> ImageSet:
        return source_of(Run(MethodEntry(name=name, **settings), get(name), "x", 3), source)

    assert of("simclr", label_share=0.1) is source
    some, more = of("supcon", label_share=0.2), of("supcon", label_share=0.5)
    assert (some.classes, more.classes) == (4, 10)
    assert set(some.images.flatten().tolist()) < set(more.images.flatten().tolist())  # type: ignore[union-attr]
    noisy = of("supcon", label_noise=0.3)
    wrong = noisy.required_labels() != source.required_labels()
    assert 0.2 < float(wrong.double().mean()) <= 0.3
    assert torch.equal(noisy.class_counts(), source.class_counts())
    with pytest.raises(UserError, match=re.escape("label_share = 0.01 of 20 classes: at least 0.1")):
        of("supcon", label_share=0.01)


def test_the_shipped_studies_expand() -> None:
    studies = [name for name in names() if name.startswith("study_")]
    assert len(studies) == 5
    for name in studies:
        recipe = resolve(read(find(name)))
        values = next(iter(recipe.sweep.values()))
        assert len(expand_sweep(recipe).methods) >= len(values)


def test_a_sweep_trains_draws_and_goes_on(tmp_path: Path) -> None:
    options = {"targets": ["digits"], "steps": 3, "seeds": [0, 1], "overrides": TINY, "out": tmp_path, "quiet": True}
    metaclr.sweep({"temperature": [0.1]}, **options)  # type: ignore[arg-type]
    first = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/done.json")}
    found = metaclr.sweep({"temperature": [0.1, 1.0]}, **options)  # type: ignore[arg-type]
    assert not found.failures
    assert all(path.stat().st_mtime_ns == before for path, before in first.items())  # finished runs are kept
    results = load(tmp_path)
    summary = summarise(results)
    (task,) = headline_columns(summary)
    simclr, untrained = series_of(results, summary, task)
    assert simclr.x == (0.1, 1.0)
    assert untrained.is_constant
    rows = [row for row in results.rows if row.method == "simclr temperature=1.0" and row.shot == 1]
    accuracy, uniformity = simclr.numbers["accuracy"][1], simclr.numbers["uniformity"][1]
    assert accuracy is not None
    assert uniformity is not None
    assert accuracy.mean == pytest.approx(sum(row.value for row in rows) / 2)
    assert sorted(uniformity.seeds) == sorted(row.uniformity for row in rows if row.uniformity is not None)
    assert (tmp_path / "figures" / "sweep-temperature-digits.png").stat().st_size > 5000
    (line,) = sweep_headlines(results, summary, task)
    assert line.startswith("simclr: accuracy on digits")
    assert line[:40] in (tmp_path / "report.html").read_text(encoding="utf-8")
    inputs = read_inputs(tmp_path / "runs" / "simclr-temperature-1.0-glyphs-source-s1")["inputs"]
    assert inputs["method"]["settings"] == {"temperature": 1.0}


def test_a_text_is_no_list_of_values() -> None:
    with pytest.raises(UserError, match="a dict of lists"):
        metaclr.sweep({"temperature": "0.1"})  # type: ignore[dict-item]
    with pytest.raises(UserError, match="has no table `sweep`"):
        metaclr.sweep()
