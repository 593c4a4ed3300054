"""Recipes: defaults, overrides, one-line errors that name key, value, what is legal and the nearest key."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, dump, find, names, read, resolve


@pytest.mark.parametrize("name", names())
def test_every_shipped_recipe_is_valid_and_survives_writing(name: str) -> None:
    recipe = resolve(read(find(name)))
    assert resolve(tomllib.loads(dump(recipe))) == recipe
    assert recipe.name == name


def test_controls_are_always_carried() -> None:
    recipe = resolve({"methods": ["simclr"]})
    assert [m.name for m in recipe.cells_methods] == ["simclr", "untrained", "pixels"]


def test_overrides_are_toml_or_words_or_lists() -> None:
    recipe = resolve({}, ["train.steps=7", "views=strong", "methods=byol,infonce", "evaluate.few_shot.ways=[3]"])
    assert (recipe.train.steps, recipe.views) == (7, "strong")
    assert [m.name for m in recipe.methods] == ["byol", "infonce"]
    assert recipe.evaluate.few_shot
    assert recipe.evaluate.few_shot.ways == (3,)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.stesp=3", "unknown key 'train.stesp'; did you mean 'steps'"),
        ("train.steps=abc", "train.steps = 'abc'"),
        ("train.steps=0", "train.steps = 0"),
        ("train.lr=nan", "train.lr = nan"),
        ("train.lr=-1", "train.lr = -1"),
        ("train.optimizer=adm", "'adam', 'adamw', 'sgd' or 'lars'"),
        ("channels=2", "channels = 2"),
        ("evaluate.few_shot=3", "evaluate.few_shot = 3: input should be a table of settings"),
        ("evaluate.low_label.fractions=[1.5]", "a fraction lies above 0 and up to 1"),
        ("methods=simclr,simclr", "'simclr' stands twice"),
        ("seeds=[]", "must not be empty"),
        ("targets=digits,digits", "names the same thing twice"),
        ("train", "write it as key=value"),
        ("train.steps.more=1", "'steps' is a value, not a table"),
    ],
)
def test_bad_input_is_one_line(override: str, says: str) -> None:
    tables = {"train": {"steps": 5}} if override.startswith("train.steps.") else {}
    with pytest.raises(UserError) as error:
        resolve(tables, [override])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'glyphs'"):
        find("glyfs")


@given(st.text(max_size=40))
def test_any_override_is_applied_or_refused_in_one_line(text: str) -> None:
    try:
        resolved = resolve({}, [text])
    except UserError as error:
        said = str(error)
    else:
        assert isinstance(resolved, CompareRecipe)
        return
    assert said
