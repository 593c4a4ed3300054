"""Settings of methods: in parentheses, as tables, as overrides; unknown ones name the nearest."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_learner, task_shape
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import dump, resolve, split_list
from tests.metaclr.comparison.small import stripes


def settings(recipe: object, title: str) -> dict[str, object]:
    return next(entry.settings for entry in recipe.methods if entry.title == title)  # type: ignore[attr-defined]


def test_overrides_set_a_method() -> None:
    tables = {"methods": ["simclr", "protonet", "byol"]}
    recipe = resolve(tables, ["simclr.temperature=0.1", "protonet.way=20", "protonet.projector=linear"])
    assert settings(recipe, "simclr") == {"temperature": 0.1}
    assert settings(recipe, "protonet") == {"way": 20}
    assert recipe.methods[1].projector == "linear"
    assert settings(recipe, "byol") == {}
    assert resolve(tomllib.loads(dump(recipe))) == recipe


def test_one_method_twice_with_settings_of_its_own() -> None:
    recipe = resolve({}, ["methods=simclr(temperature=0.1),simclr(temperature=0.5, projector=none),byol"])
    assert [entry.title for entry in recipe.methods] == [
        "simclr(temperature=0.1)",
        "simclr(temperature=0.5, projector=none)",
        "byol",
    ]
    assert [entry.settings for entry in recipe.methods] == [{"temperature": 0.1}, {"temperature": 0.5}, {}]
    assert recipe.methods[1].projector == "none"


def test_tables_of_a_recipe_by_name_or_label() -> None:
    text = """
    methods = [{ name = "simclr", label = "cold" }, "simclr", "protonet"]
    [simclr]
    temperature = 0.3
    [cold]
    temperature = 0.05
    head.similarity = "dot"
    [protonet]
    shot = 2
    [maml]
    inner_lr = 0.1
    """
    recipe = resolve(tomllib.loads(text))
    assert settings(recipe, "cold") == {"temperature": 0.05, "head.similarity": "dot"}
    assert settings(recipe, "simclr") == {"temperature": 0.3}
    assert settings(recipe, "protonet") == {"shot": 2}  # [maml] is of no method here


def test_a_table_of_a_name_is_for_all_its_entries_whose_own_settings_come_first() -> None:
    recipe = resolve({}, ["methods=simclr(temperature=0.1),simclr(projector=none)", "simclr.temperature=0.7"])
    assert [entry.settings for entry in recipe.methods] == [{"temperature": 0.1}, {"temperature": 0.7}]
    assert [entry.projector for entry in recipe.methods] == [None, "none"]
    assert [entry.title for entry in recipe.methods] == ["simclr(temperature=0.1)", "simclr(projector=none)"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("simcrl.temperature=0.1", "unknown key or method 'simcrl'; did you mean 'simclr'?"),
        ("byol.temperature=0.1", "method 'byol' is not compared; there are: protonet, simclr"),
        ("simclr=3", "unknown key 'simclr'"),
        ("trian.steps=3", "unknown key 'trian'; did you mean 'train'"),
        ("methods=simclr(0.1)", "write settings as key=value"),
    ],
)
def test_what_is_no_method_is_one_line(override: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve({"methods": ["simclr", "protonet"]}, [override])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_reach_the_objective_and_the_tasks() -> None:
    recipe = resolve({"size": 16, "channels": 1, "methods": ["simclr", "protonet"]}, ["simclr.temperature=0.1"])
    source = stripes()
    learner = build_learner(Run(recipe.methods[0], get("simclr"), "a", 0), recipe, source)
    assert learner.objective.settings.temperature == 0.1  # type: ignore[union-attr]
    recipe = resolve({"methods": ["protonet"]}, ["protonet.way=4", "protonet.query=7"])
    shape = task_shape(Run(recipe.methods[0], get("protonet"), "a", 0), recipe, source)
    assert (shape.way, shape.shot, shape.query, shape.tasks) == (4, 1, 7, 8)


def test_an_unknown_setting_names_the_nearest() -> None:
    recipe = resolve({"size": 16, "methods": ["simclr"]}, ["simclr.temprature=0.1"])
    with pytest.raises(UserError, match="did you mean 'temperature'"):
        build_learner(Run(recipe.methods[0], get("simclr"), "a", 0), recipe, stripes())


@given(st.lists(st.text(alphabet="ab(,)[]{}= ", max_size=8), max_size=5))
def test_a_list_is_split_at_outer_commas_only(parts: list[str]) -> None:
    text = ",".join(parts)
    assert ",".join(split_list(text)).replace(" ", "") == text.replace(" ", "")
