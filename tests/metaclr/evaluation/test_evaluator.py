"""An evaluator is one file: found by the folder it lies in, named in a recipe, given what it declares to need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from episodes import ImageSet
from metaclr.comparison.runs.evaluate_run import measure
from metaclr.errors import UserError
from metaclr.evaluation import EVALUATORS, Evaluator, Measurement, Target, make_target, transfer
from metaclr.evaluation import evaluators as package
from metaclr.evaluation.evaluators.knn import KNN
from metaclr.recipe import EvaluateRecipe
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder

CENTERED = '''
"""Nearest class mean by cosine, after the mean of the source's features is subtracted."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from metaclr.evaluation.evaluator import Evaluator
from metaclr.evaluation.measurement import from_images, join


@dataclass(frozen=True)
class Centered:
    scale: float = 1.0


def work_items(embedded, settings):
    def measure():
        center = settings.scale * embedded.source.mean
        x, y, x_test, y_test = embedded.probe_parts
        means = torch.stack([F.normalize(x[y == c] - center, dim=1).mean(0) for c in y.unique()])
        correct = (F.normalize(x_test - center, dim=1) @ F.normalize(means, dim=1).T).argmax(1) == y_test
        protocol = join(embedded.protocol, center="source", scale=settings.scale)
        name = embedded.target.name
        return [from_images("centered", correct, target=name, way=len(means), labels="", protocol=protocol)]

    return [measure]


EVALUATOR = Evaluator(
    name="centered",
    family="centered",
    summary="nearest class mean after centering on the source",
    settings=Centered(),
    work_items=work_items,
    needs_source_features=lambda settings: True,
)
'''


@pytest.fixture
def one_more_file(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "centered.py").write_text(CENTERED)
    package.__path__.append(str(tmp_path))
    package.evaluators.cache_clear()
    yield
    package.__path__.remove(str(tmp_path))
    package.evaluators.cache_clear()


def small_target(images: ImageSet) -> Target:
    return make_target("blobs", images, ways=[5], shots=[1], query=3, episodes=10, fractions=[], per_class=[])


def measured(recipe: EvaluateRecipe, source: ImageSet | None) -> list[Measurement]:
    at = torch.device("cpu")
    return list(measure(small_encoder(), [small_target(blobs(6, 20))], recipe, at, source=source))


@pytest.mark.usefixtures("one_more_file")
def test_one_file_is_enough_for_a_recipe() -> None:
    only = {"few_shot": False, "linear": False, "knn": False, "low_label": False}
    source = blobs(8, 10, seed=1)
    (found,) = measured(EvaluateRecipe(**only, more={"centered": {}}), source)
    assert found.evaluator == "centered"
    assert found.value > 50
    assert "center=source; scale=1" in found.protocol
    (far,) = measured(EvaluateRecipe(**only, more={"centered": {"scale": 1e6}}), source)
    assert far.value < found.value  # everything lies in one direction from a center that far away
    assert "scale=1e+06" in far.protocol
    with pytest.raises(UserError, match="did you mean 'scale'"):
        measured(EvaluateRecipe(**only, more={"centered": {"scal": 1}}), source)


@pytest.mark.usefixtures("one_more_file")
def test_source_features_are_computed_for_those_who_need_them() -> None:
    target, source = small_target(blobs(6, 20)), blobs(8, 10, seed=1)
    (found,) = transfer(small_encoder(), target, ["centered"], source=source)
    (direct,) = transfer(small_encoder(), target, [package.get("centered")], source=source)
    assert found.value == direct.value
    assert [m.evaluator for m in transfer(small_encoder(), target, ["knn"], source=source)] == ["knn"]
    with pytest.raises(UserError, match="'centered' needs the images that the encoder was trained on"):
        transfer(small_encoder(), target, ["knn", "centered"])


def test_shipped_evaluators_come_first_and_in_order() -> None:
    assert EVALUATORS[:5] == ("few-shot", "linear", "knn", "low-label frozen", "low-label finetune")
    assert all(package.get(name).name == name for name in EVALUATORS)
    assert all(package.get(name).summary for name in EVALUATORS)
    default = [evaluator.name for evaluator, _ in package.chosen(EvaluateRecipe().model_dump())]
    assert default == list(EVALUATORS[:5])
    frozen = EvaluateRecipe(linear=False, low_label={"modes": ("frozen",)})
    assert [e.name for e, _ in package.chosen(frozen.model_dump())] == ["few-shot", "knn", "low-label frozen"]


def test_settings_reach_an_evaluator() -> None:
    low = EvaluateRecipe(low_label={"steps": 7, "lr": 0.01}, max_probe_classes=9)
    settings = {evaluator.name: value for evaluator, value in package.chosen(low.model_dump())}
    assert (settings["low-label finetune"].steps, settings["low-label finetune"].lr) == (7, 0.01)
    assert settings["linear"].max_classes == 9
    assert package.get("knn").configure({"k": 3}) == KNN(k=3)


def test_refusals() -> None:
    with pytest.raises(UserError, match="must start with its family 'few-shot'"):
        Evaluator("cosine", "few-shot", "", KNN(), lambda *_: [])
    with pytest.raises(UserError, match="unknown evaluator 'knm'; did you mean 'knn'"):
        package.chosen({"more": {"knm": {}}})
    with pytest.raises(UserError, match="k >= 1"):
        package.get("knn").configure({"k": 0})


def test_a_target_with_many_classes_gets_no_linear_probe() -> None:
    recipe = EvaluateRecipe(few_shot=False, knn=False, low_label=False, max_probe_classes=5)
    assert measured(recipe, None) == []
