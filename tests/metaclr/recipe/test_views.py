"""View recipes of one's own: `[views.NAME]` tables, by role, by method; every mistake is one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import metaclr
from episodes import PRESETS, Episode, EpisodeError, ImageSet, ViewRecipe, render
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import views_for
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import CompareRecipe, MethodEntry, dump, resolve
from metaclr.recipe.views import own_views, table_of, view_recipe
from tests.metaclr.comparison import small

RECIPE = """
methods = ["simclr", { name = "protoclr", views = "weak" }]

[views]
use = "mine"

[views.mine]
base = "simclr"
blur = 0.5
blur_sigma = [0.2, 0.4]
query = { solarize = 0.3 }
support = "weak"

[views.weak]
rotate = 5
"""


def own() -> CompareRecipe:
    return resolve(tomllib.loads(RECIPE))


def test_fields_base_and_roles() -> None:
    from dataclasses import replace

    recipe = own()
    assert recipe.views == "mine"
    query = replace(PRESETS["simclr"], blur=0.5, blur_sigma=(0.2, 0.4), solarize=0.3)
    assert view_recipe("mine", recipe.view_recipes, "query") == query
    assert view_recipe("mine", recipe.view_recipes, "support") == ViewRecipe(rotate=5)
    weak = view_recipe("weak", recipe.view_recipes)
    found = views_for(Run(recipe.methods[0], get("simclr"), "a", 0), recipe)
    assert found == [ViewRecipe(rotate=5), query]
    assert views_for(Run(recipe.methods[1], get("protoclr"), "a", 0), recipe) == weak


def test_a_resolved_recipe_is_written_and_read() -> None:
    assert resolve(tomllib.loads(dump(own()))) == own()


def test_the_only_table_is_the_one_in_use_and_overrides_make_one() -> None:
    assert resolve({"views": {"only": {"base": "gentle"}}}).views == "only"
    recipe = resolve({"views": "gentle"}, ["views.mine.base=simclr", "views.mine.blur=0.5"])
    assert recipe.views == "mine"
    assert view_recipe("mine", recipe.view_recipes).blur == 0.5
    assert resolve(tomllib.loads(RECIPE), ["views=strong"]).views == "strong"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_being_a_table(name: str) -> None:
    assert view_recipe("mine", {"mine": table_of(PRESETS[name])}) == PRESETS[name]


@pytest.mark.parametrize(
    ("views", "says"),
    [
        ({"mine": {"blurr": 0.5}}, "unknown key of [views.mine] 'blurr'; did you mean 'blur'?"),
        ({"mine": {"blur": 2}}, "views.mine: blur = 2 is out of range: a probability, 0 to 1"),
        ({"mine": {"base": "simcrl"}}, "unknown views 'simcrl'; did you mean 'simclr'?"),
        ({"mine": {"base": "yours"}, "yours": {"base": "mine"}, "use": "mine"}, "is its own base: mine -> yours"),
        ({"mine": {"query": {"blurr": 1}}}, "unknown key of [views.mine.query] 'blurr'"),
        ({"mine": {"query": 3}}, "views.mine.query = 3"),
        ({"simclr": {"blur": 1}}, "[views.simclr] has the name of a shipped view recipe"),
        ({"a": {}, "b": {}}, "views.use must name one of: a, b"),
        ({"mine": 3}, "views.mine = 3"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(views: dict[str, object], says: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve({"views": views})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def darker(pixels: Tensor) -> Tensor:
    """A function of a batch, with torch's own random numbers."""
    return pixels * torch.rand(len(pixels), 1, 1, 1)


def batch() -> tuple[ImageSet, Episode]:
    images = small.stripes(name="a")
    index = torch.arange(6).view(1, 6, 1).expand(1, 6, 2).contiguous()
    return images, Episode(index, torch.arange(2).expand(1, 6, 2), index[..., 0], shot=1, step=3)


def test_a_function_renders_a_batch_and_leaves_the_generator_alone() -> None:
    images, episode = batch()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = (render(images, episode, darker, seed=1) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(one, render(images, episode, darker, seed=2))
    assert not torch.equal(one[:, :, 0], one[:, :, 1])
    half = render(images, episode, [ViewRecipe(), darker], seed=1, compiled=True)
    assert torch.equal(half[:, :, 0], images.images[:6].unsqueeze(0) / 255)


def test_a_function_that_changes_the_shape_is_refused() -> None:
    images, episode = batch()
    with pytest.raises(EpisodeError, match=r"must return float32 \(12, 1, 16, 16\), not float32|torch.float32"):
        render(images, episode, lambda x: x[..., :8], seed=0)


def test_own_views_are_told_apart_by_their_content() -> None:
    tables = own_views({"a": ViewRecipe(blur=0.5), "b": darker})
    assert tables[0]["views"]["use"] == "a"
    assert tables[1] == {"b": darker}
    assert own_views(darker)[0] != own_views(lambda x: x)[0]
    with pytest.raises(UserError, match="give a ViewRecipe, or a function"):
        own_views(3)


@pytest.mark.parametrize("views", [ViewRecipe(rotate=5), darker], ids=["recipe", "function"])
def test_a_comparison_with_views_of_python(tmp_path: Path, views: object) -> None:
    def compare() -> metaclr.Comparison:
        return metaclr.compare(
            "glyphs",
            methods=["simclr", "protonet"],
            sources={"source": small.stripes(name="ours")},
            targets={"target": small.stripes(6, 16, name="theirs")},
            views=views,  # type: ignore[arg-type]
            out=tmp_path / "out",
            device="cpu",
            overrides=[*small.SETTINGS, "train.steps=2", "evaluate.low_label=false"],
            quiet=True,
        )

    result = compare()
    assert not result.failures
    assert set(result.rows.method) == {"simclr", "protonet", "untrained", "pixels"}
    marks = {p: p.stat().st_mtime_ns for p in result.folder.rglob("done.json")}
    compare()
    assert {p: p.stat().st_mtime_ns for p in result.folder.rglob("done.json")} == marks


def test_another_table_is_another_training() -> None:
    run = Run(MethodEntry(name="simclr"), get("simclr"), "a", 0)
    one, two = (resolve({"views": {"mine": {"blur": blur}}}) for blur in (0.1, 0.2))
    assert run.identity(one, "") != run.identity(two, "")
    assert run.digest(one, {}) != run.digest(two, {})
    assert run.identity(one, "") == run.identity(resolve({"views": {"mine": {"blur": 0.1}}}), "")


def test_roles_of_a_function() -> None:
    recipe = resolve(own_views({"f": darker})[0] | {"views_mode": "per_method"})
    run = Run(MethodEntry(name="umtra"), get("umtra"), "a", 0, callables={"f": darker})
    assert views_for(run, recipe) == [ViewRecipe(), darker, darker, darker]


def test_tables_that_methods_and_tables_name_need_no_use() -> None:
    methods = [{"name": "simclr", "views": "a"}, {"name": "protoclr", "settings": {"support_views": "b"}}]
    tables: dict[str, Any] = {"views": {"a": {}, "b": {"blur": 0.1}}, "methods": methods}
    assert resolve(tables, ["views_mode=per_method"]).views == resolve({}, []).views
    assert resolve({"views": {"a": {}, "b": {"base": "a"}}, "methods": ["simclr"]}, []).views == "b"
    assert resolve({**tables, "methods": ["simclr(views=a)"]}, ["views_mode=per_method"]).views == "b"
