"""What cannot be done is refused before any work, in one line, and leaves nothing behind."""

from pathlib import Path

import pytest
import torch

from episodes import EpisodeError
from metaclr.comparison.folders.run_folder import finished, mark_finished
from metaclr.comparison.planning.plan import Plan, plan
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import task_shape, views_for
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import MethodEntry, resolve
from tests.metaclr.comparison.small import stripes

SMALL = {
    "sources": ["a"],
    "targets": ["b"],
    "methods": ["simclr"],
    "size": 16,
    "encoder": {"name": "conv4", "options": {"width": 8}},
    "train": {"steps": 2, "batch_views": 16},
    "evaluate": {
        "few_shot": {"ways": [4], "shots": [1], "query": 3, "episodes": 20},
        "low_label": {"per_class": [2], "fractions": [0.5], "steps": 2},
    },
}


def make(tmp_path: Path, *overrides: str) -> Plan:
    return plan(
        resolve(SMALL, overrides),
        tmp_path / "out",
        device=torch.device("cpu"),
        images={"a": stripes(name="a"), "b": stripes(6, name="b"), "bare": stripes().unlabelled()},
    )


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("methods=simcrl", "unknown method 'simcrl'; did you mean 'simclr'"),
        ("methods=./nowhere.py", "no such file"),
        ("encoder.name=conv5", "conv4"),
        ("encoder.options={wdth=3}", "width"),
        ("views=gentel", "did you mean 'gentle'"),
        ("evaluate.few_shot.heads=cosin", "did you mean 'cosine'"),
        ("targets=glyps", "did you mean 'glyphs'"),
        ("targets=bare", "has no labels"),
        ("evaluate.few_shot.ways=[7]", "6 classes"),
        ("evaluate.few_shot.shots=[12]", "has 12"),
        ("train.batch_views=17", "multiples of 2"),
    ],
)
def test_refused_before_any_work(tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises((UserError, EpisodeError)) as error:
        make(tmp_path, override)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_labelled_method_needs_a_labelled_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has none"):
        make(tmp_path, "sources=bare", "methods=protonet")


def test_unknown_settings_of_a_method_are_refused(tmp_path: Path) -> None:
    tables = {**SMALL, "methods": [{"name": "simclr", "settings": {"temprature": 0.1}}]}
    with pytest.raises(UserError, match="temperature"):
        plan(
            resolve(tables),
            tmp_path / "out",
            device=torch.device("cpu"),
            images={"a": stripes(name="a"), "b": stripes(6, name="b")},
        )


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, "methods=simclr,infonce", "seeds=0,1")  # more runs: the same comparison
    with pytest.raises(UserError, match=r"train.lr = 0.001 before, 0.003 now; name another --out"):
        make(tmp_path, "train.lr=0.003")
    with pytest.raises(UserError, match=r"train.steps = 2 before, 1 now"):
        make(tmp_path, "train.steps=1")
    make(tmp_path, "train.checkpoint_seconds=5", "train.compile=off")  # how it runs, not what is computed
    make(tmp_path, "train.steps=3")  # trainings resume


def test_every_method_spends_the_same_views(tmp_path: Path) -> None:
    recipe = resolve(SMALL, ["train.batch_views=240"])
    for name in ("simclr", "protoclr", "protonet", "r2d2", "supcon"):
        shape = task_shape(Run(MethodEntry(name=name), get(name), "a", 0), recipe)
        assert shape.tasks * shape.way * shape.views == 240


def test_shared_views_ignore_what_a_method_would_like(tmp_path: Path) -> None:
    run = Run(MethodEntry(name="protoclr"), get("protoclr"), "a", 0)
    shared = views_for(run, resolve(SMALL))
    own = views_for(run, resolve(SMALL, ["views_mode=per_method"]))
    assert shared != own
    assert isinstance(own, list)
    assert len(own) == get("protoclr").shot + get("protoclr").query


def test_a_digest_covers_what_rows_depend_on_and_nothing_else(tmp_path: Path) -> None:
    one = make(tmp_path)
    run = one.runs[0]
    more = resolve(SMALL, ["methods=simclr,infonce", "seeds=0,1", "train.checkpoint_seconds=5"])
    assert run.digest(more, {}) == run.digest(resolve(SMALL), {})
    changed = run.digest(resolve(SMALL, ["train.lr=0.1"]), one.fingerprints)
    assert changed != run.digest(resolve(SMALL), one.fingerprints)
    assert run.digest(resolve(SMALL, ["methods=byol"]), {}) == run.digest(resolve(SMALL), {})


def test_half_a_marker_is_not_finished(tmp_path: Path) -> None:
    assert not finished(tmp_path, "x")
    (tmp_path / "done.json").write_text('{"digest": "x')
    assert not finished(tmp_path, "x")
    for name in ("rows.csv", "per_item.npz"):
        (tmp_path / name).write_text(name)
    mark_finished(tmp_path, "x")
    assert finished(tmp_path, "x")
    assert not finished(tmp_path, "y")


@pytest.mark.parametrize("name", ["rows.csv", "per_item.npz"])
def test_a_damaged_or_deleted_result_is_not_finished(tmp_path: Path, name: str) -> None:
    for file in ("rows.csv", "per_item.npz"):
        (tmp_path / file).write_text(file)
    mark_finished(tmp_path, "x")
    (tmp_path / name).write_text("damaged")
    assert not finished(tmp_path, "x")
    (tmp_path / name).write_text(name)
    assert finished(tmp_path, "x")
    (tmp_path / name).unlink()
    assert not finished(tmp_path, "x")
    (tmp_path / "done.json").write_text('{"digest": "x", "results": {}}')
    assert not finished(tmp_path, "x")


def test_the_audit_finds_shared_pixels(tmp_path: Path) -> None:
    planned = plan(
        resolve(SMALL),
        tmp_path / "out",
        device=torch.device("cpu"),
        images={"a": stripes(name="a"), "b": stripes(name="b")},
    )
    assert not planned.audits[0].clean
    assert len(planned.audits[0].shared_images) == 96
