"""Every run has its own folder and every method its own title, or the recipe is refused before any work."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from metaclr.comparison.runs.naming import label_method_files, runs_of
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import resolve

FILE = """
from dataclasses import replace
from metaclr.methods import get

def build(encoder, method, *, seed, settings):
    raise RuntimeError({text!r})

METHOD = replace(get("simclr"), learner=build)
"""


def write(path: Path, text: str = "first") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FILE.format(text=text))
    return path


@pytest.mark.parametrize("labels", [("a b", "a-b"), ("A", "a"), ("t=0.1", "t 0.1")])
def test_labels_that_would_share_a_folder_are_refused(labels: tuple[str, str]) -> None:
    methods = [{"name": "simclr", "label": label} for label in labels]
    with pytest.raises(UserError, match=f"labels {labels[0]!r} and {labels[1]!r} differ only"):
        runs_of(resolve({"methods": methods}))


def test_a_label_of_a_control_is_refused() -> None:
    for entry in ({"name": "simclr", "label": "pixels"}, {"name": "untrained", "label": "pixels"}):
        with pytest.raises(UserError, match="label 'pixels' names a control"):
            runs_of(resolve({"methods": [entry]}))
    with pytest.raises(UserError, match="label 'untrained' names a control"):
        runs_of(resolve({"methods": ["untrained"]}), {"untrained": get("simclr")})


def test_sources_that_differ_in_punctuation_have_folders_of_their_own() -> None:
    recipe = resolve({"methods": ["simclr"], "sources": ["s_1", "s-1", "other"]})
    names = [run.name for run in runs_of(recipe)]
    assert len(set(names)) == len(names) == 9
    assert names == [run.name for run in runs_of(recipe)]
    assert "simclr-other-s0" in names
    one = [run.name for run in runs_of(resolve({"methods": ["simclr"], "sources": ["s_1"]}))]
    assert one[0] == "simclr-s-1-s0"


def test_a_method_file_is_labeled_by_its_stem_and_alike_stems_by_their_folders(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "mine.py") for folder in ("a", "b", "c/a")] + [write(tmp_path / "other.py")]
    recipe = label_method_files(resolve({"methods": [str(path) for path in paths]}))
    assert [entry.title for entry in recipe.methods] == ["a/mine", "b/mine", "a/mine (2)", "other"]
    assert [entry.name for entry in recipe.methods] == [str(path) for path in paths]
    assert label_method_files(recipe) == recipe
    beside = label_method_files(resolve({"methods": ["simclr", str(write(tmp_path / "a" / "simclr.py"))]}))
    assert [entry.title for entry in beside.methods] == ["simclr", "a/simclr"]


def test_the_text_of_a_method_file_is_part_of_the_digest_and_its_place_is_not(tmp_path: Path) -> None:
    def digest(path: Path) -> str:
        recipe = label_method_files(resolve({"methods": [str(path)]}))
        return runs_of(recipe)[0].digest(recipe, {})

    first = digest(write(tmp_path / "a" / "mine.py"))
    assert digest(write(tmp_path / "b" / "mine.py")) == first
    assert digest(write(tmp_path / "b" / "mine.py", "second")) != first


def test_a_method_file_with_a_learner_can_be_sent_to_another_process(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.py")
    recipe = label_method_files(resolve({"methods": [str(path)]}))
    run = runs_of(recipe)[0]
    sent = pickle.dumps(run)
    path.unlink()
    arrived = pickle.loads(sent)
    assert arrived.name == run.name
    assert arrived.digest(recipe, {}) == run.digest(recipe, {})
    with pytest.raises(RuntimeError, match="first"):
        arrived.method.learner(None, arrived.method, seed=0, settings={})
