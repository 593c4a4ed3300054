"""Small sets of one's own: tasks and episodes follow them within the same budget, and notes say how."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import ImageSet, Rendering, sample_table
from metaclr.cli import cli
from metaclr.comparison.labels.positives_setting import rendered, ways_of
from metaclr.comparison.planning.episode_shapes import episode_shapes
from metaclr.comparison.planning.plan import plan
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_learner, sampler_for, views_for
from metaclr.comparison.settings.image_format import with_format
from metaclr.comparison.settings.task_shapes import fit_shape, notes
from metaclr.errors import UserError
from metaclr.methods import get, names
from metaclr.networks.pixels import MAX_FEATURES, pixels
from metaclr.recipe import FewShotRecipe, MethodEntry, resolve
from tests.metaclr.comparison.signs import write_signs
from tests.metaclr.comparison.small import stripes

TRAINED = [name for name in names() if get(name).trained]


def with_counts(counts: list[int], size: int = 16) -> ImageSet:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (len(labels), 1, size, size), dtype=torch.uint8, generator=generator)
    names, kinds = tuple(f"c{i}" for i in range(len(counts))), tuple("xy"[i % 2] for i in range(len(counts)))
    return ImageSet(images, labels, names, groups=kinds, name="mine")


@pytest.mark.parametrize("counts", [[14, 14], [3, 4, 5], [12] * 10, [20] * 28, [3] * 60], ids=str)
@pytest.mark.parametrize("name", TRAINED)
def test_every_method_spends_the_budget_exactly_on_a_small_set(name: str, counts: list[int]) -> None:
    source = with_counts(counts)
    shape = fit_shape(get(name), name, 256, ways_of(get(name), source))
    assert shape.tasks * shape.way * shape.views == 256
    sampler = sampler_for(Run(MethodEntry(name=name), get(name), "mine", 0), resolve({}), source)
    assert sampler.shape == shape
    images = sampler(5).images
    assert images.shape == (shape.tasks, shape.way, shape.views)


@pytest.mark.parametrize("name", TRAINED)
def test_every_method_has_a_finite_loss_on_two_classes(name: str) -> None:
    source = with_counts([14, 14], size=32)
    run = Run(MethodEntry(name=name), get(name), "mine", 0)
    recipe = resolve({"size": 32, "channels": 1})
    sampler, learner = sampler_for(run, recipe, source), build_learner(run, recipe, source)
    episode = sampler(0)
    images = rendered(run.method, source)
    loss, _ = learner(Rendering(images, views_for(run, recipe, sampler.shape), seed=0)(episode), episode)
    assert bool(loss.isfinite())


@given(
    counts=st.lists(st.integers(1, 200), min_size=1, max_size=60),
    name=st.sampled_from(["simclr", "protonet", "npair", "maml", "matching", "semi_normalized", "supcon"]),
    budget=st.sampled_from([16, 64, 120, 256, 1024]),
)
@settings(max_examples=150, deadline=None)
def test_tasks_always_fit_or_one_line_says_why(counts: list[int], name: str, budget: int) -> None:
    source, method = with_counts(counts), get(name)
    large = sum(count >= 2 for count in counts)
    divides = budget % ((method.way or 1) * method.v) == 0
    if not divides or (large if method.way_type == "classes" else sum(counts)) < 2:
        with pytest.raises(UserError) as caught:
            fit_shape(method, name, budget, source)
        assert "\n" not in str(caught.value)
        return
    if getattr(getattr(method.objective, "tasks", None), "way", 0) > sum(counts):
        return  # tasks of 5 ways resampled from fewer images
    shape = fit_shape(method, name, budget, source)
    if method.way_type == "classes":
        assert shape.way <= sum(count >= shape.views for count in counts)
    else:
        assert shape.way <= len(source)
    assert shape.way >= 2
    spent = shape.tasks * shape.way * shape.views
    said = "\n".join(text for _, text in notes(name, method, shape, budget, source))
    assert spent <= budget
    assert (spent == budget) != (f"{spent} of the {budget} views" in said)


def test_a_set_that_is_large_enough_keeps_the_methods_own_tasks() -> None:
    source = with_counts([8] * 130)
    for name in TRAINED:
        assert fit_shape(get(name), name, 256, source) == fit_shape(get(name), name, 256)
        assert not list(notes(name, get(name), fit_shape(get(name), name, 256), 256, source))


def test_small_classes_are_left_out_of_tasks_and_named() -> None:
    source = with_counts([2, 9, 9, 3, 9, 9])
    shape = fit_shape(get("protonet"), "protonet", 64, source)
    assert (shape.way, shape.shot, shape.query, shape.tasks) == (4, 1, 3, 4)
    said = [text for _, text in notes("protonet", get("protonet"), shape, 64, source)]
    assert said == [
        "4 tasks of 4 ways a step instead of 1 of 16, because mine has 4 classes of at least 4 images",
        "tasks without 'c0' (2), 'c3' (3): fewer than 4 images",
    ]
    sampler = sampler_for(Run(MethodEntry(name="protonet"), get("protonet"), "mine", 0), _budget(64), source)
    for step in range(20):
        episode = sampler(step)
        assert torch.equal(source.required_labels()[episode.images], episode.labels.unsqueeze(2).expand(-1, -1, 4))
        assert not set(episode.labels.flatten().tolist()) & {0, 3}


def _budget(views: int) -> object:
    return resolve({"train": {"batch_views": views}})


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "protonet.way=20",
            "protonet.way = 20: 20 ways of 4 views do not divide train.batch_views = 256; set protonet.way=8, or "
            "train.batch_views=240",
        ),
        ("protonet.way=16", "protonet.way = 16: source 'a' has 8 classes; set protonet.way=8"),
        ("protonet.query=15", "needs 2 classes of 16 images (protonet.query = 15), and source 'a' has 0"),
        ("protonet.shot=0", "protonet.shot = 0: an integer of at least 1"),
        (
            "protonet.query=2",
            "method 'protonet' takes multiples of 3; set train.batch_views=255",
        ),
        ("evaluate.few_shot.query=12", "'b 0' has 12; set evaluate.few_shot.query=11"),
        ("evaluate.few_shot.ways=[9,20]", "b: evaluate.few_shot.ways = [9, 20], but it has 6 classes"),
        ("encoder.name=resnet12", "set size="),
    ],
)
def test_numbers_that_the_user_gave_hold_or_are_refused(tmp_path: Path, override: str, says: str) -> None:
    tables = {"sources": ["a"], "targets": ["b"], "methods": ["protonet"], "fixed": []}
    if override.startswith("encoder"):
        tables["size"] = 4  # type: ignore[assignment]
    with pytest.raises(UserError) as caught:
        plan(
            resolve(tables, [override]),
            tmp_path / "out",
            device=torch.device("cpu"),
            images={"a": stripes(name="a"), "b": stripes(6, name="b")},
        )
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_episodes_always_fit_or_one_line_says_why(counts: list[int]) -> None:
    target, remarks = with_counts(counts), list[str]()
    if sum(count >= 2 for count in counts) < 2:
        with pytest.raises(UserError) as caught:
            episode_shapes("mine", target, FewShotRecipe(), (), remarks)
        assert "\n" not in str(caught.value)
        return
    shapes = episode_shapes("mine", target, FewShotRecipe(), (), remarks)
    assert len(set(shapes)) == len(shapes)
    for shape in shapes:
        table = sample_table(target, shape, 5, 0, leave_out_small=True)
        assert table.shape == shape
    changed = any(shape.query < 15 or shape.way not in (5, 20) for shape in shapes)
    assert bool(remarks) >= changed
    if min(counts) >= 20 and len(counts) >= 20:
        assert not remarks
        assert [(s.way, s.shot, s.query) for s in shapes] == [(w, k, 15) for w in (5, 20) for k in (1, 5)]


def test_tasks_of_one_way_are_noted() -> None:
    remarks: list[str] = []
    episode_shapes("mine", with_counts([20] * 4), FewShotRecipe(ways=(1, 2)), (), remarks)
    assert remarks == ["mine: 1-way tasks have one possible answer, so their accuracy is 100 % for every encoder"]


def test_size_channels_and_views_come_from_the_sources() -> None:
    color = ImageSet(torch.zeros(4, 3, 120, 90, dtype=torch.uint8))
    gray = ImageSet(torch.zeros(4, 1, 20, 20, dtype=torch.uint8))
    for sources, device, size, channels, views in (
        ([color], "cpu", 32, 3, "simclr"),
        ([color], "cuda", 84, 3, "simclr"),
        ([gray], "cpu", 20, 1, "gentle"),
        ([color, gray], "cuda", 20, 3, "simclr"),
    ):
        recipe, lines = with_format(resolve({}), lambda sources=sources: sources, device)
        assert (recipe.size, recipe.channels, recipe.views) == (size, channels, views)
        assert f"size = {size}" in lines[0]
    given = resolve({"size": 28, "channels": 1, "views": "strong"})
    assert with_format(given, lambda: [], "cpu") == (given, ())


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 84), (1, 105), (3, 16)])
def test_the_pixels_control_has_at_most_a_thousand_features(channels: int, size: int) -> None:
    control = pixels(channels, size)
    images = torch.rand(2, channels, size, size)
    found = control(images)
    assert found.shape == (2, control.features)
    assert control.features <= MAX_FEATURES
    if channels * size * size <= MAX_FEATURES:
        assert torch.equal(found, images.flatten(1))
    else:
        torch.testing.assert_close(found.mean(1), images.mean((1, 2, 3)), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("classes", "train", "test"), [(28, lambda c: 4 + c % 9, lambda c: 3 + c % 4), (2, lambda _: 14, lambda _: 14)]
)
def test_the_readmes_command_runs_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int, train: object, test: object
) -> None:
    monkeypatch.chdir(tmp_path)
    write_signs(Path("my/photos"), classes, train, seed=1)  # type: ignore[arg-type]
    write_signs(Path("my/others"), classes, test, seed=2)  # type: ignore[arg-type]
    command = ["compare", "--source", "my/photos", "--target", "my/others", "--steps", "2", "--out", "out"]
    # As copied from the README, but for fewer steps.
    result = CliRunner().invoke(cli, [*command, "--set", "evaluate.low_label.steps=2"])
    assert result.exit_code == 0, result.output
    report = Path("out/report.html").read_text(encoding="utf-8")
    about = json.loads(Path("out/about.json").read_text())
    assert f"photos has {classes} classes" in report
    assert "Trained on my/photos, evaluated on my/others, by the recipe" in report
    assert "fonts shipped with matplotlib" not in report  # what the recipe says of its own data
    assert any(line.startswith("chosen for the sources: size = 32") for line in about["remarks"])
    rows = Path("out/rows.csv").read_text(encoding="utf-8")
    assert all(method in rows for method in ("simclr", "infonce", "protoclr", "r2d2", "supcon", "protonet", "pixels"))


def test_train_on_two_classes(tmp_path: Path) -> None:
    write_signs(tmp_path / "two", 2, lambda _: 14)
    command = ["train", "protonet", "--source", str(tmp_path / "two"), "--steps", "2", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "encoder.safetensors").is_file()
    assert "note: protonet: 32 tasks of 2 ways a step instead of 1 of 64" in result.output


def test_own_views_and_a_setting_of_a_method_in_one_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_signs(Path("my/photos"), 3, lambda _: 8)
    write_signs(Path("my/others"), 3, lambda _: 8, seed=1)
    Path("my.toml").write_text(
        'name = "mine"\nsources = ["my/photos"]\ntargets = ["my/others"]\nmethods = ["simclr", "protonet"]\nsize = 16\n'
        '[views.mine]\nbase = "simclr"\nblur = 0.5\nsolarize = 0.2\n[protonet]\nway = 2\n'
        "[encoder]\noptions = { width = 8 }\n[train]\nsteps = 2\nbatch_views = 32\n[evaluate]\nlow_label = false\n"
    )
    methods = ["--methods", "simclr(temperature=0.5),simclr,protonet"]
    command = ["compare", "my.toml", *methods, "--set", "simclr.temperature=0.1", "--out", "out"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    recipe = resolve(tomllib.loads(Path("out/recipe.toml").read_text()))
    settings_of = {entry.title: entry.settings for entry in recipe.methods}
    assert settings_of == {
        "simclr(temperature=0.5)": {"temperature": 0.5},
        "simclr": {"temperature": 0.1},
        "protonet": {"way": 2},
    }
    assert recipe.views == "mine"
    assert recipe.view_recipes["mine"] == {"base": "simclr", "blur": 0.5, "solarize": 0.2}
