"""Steps and rate are chosen on the validation set alone, said in the row, and a leaking validation set is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import metaclr
from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.comparison.runs import choose_adaptation as module
from metaclr.comparison.runs.choose_adaptation import check_validation, choose_adaptation, step_counts
from metaclr.errors import UserError
from metaclr.evaluation.measurement import Measurement
from metaclr.networks import build_encoder
from metaclr.recipe.model import FewShotRecipe
from tests.metaclr.comparison import small
from tests.metaclr.evaluation.evaluate_data import blobs

RECIPE = FewShotRecipe(ways=(4,), shots=(1,), query=3)


def procedure() -> AdaptedEncoder:
    return AdaptedEncoder(build_encoder("conv4", 1, 16, seed=0, width=4), nn.Linear(4, 4), lr=0.1, steps=2)


def test_the_best_steps_then_the_best_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def measured(tried_now: AdaptedEncoder, *_: Any, **__: Any) -> list[Measurement]:
        tried.append((tried_now.steps, tried_now.lr))
        value = {(4, 0.1): 60.0, (4, 0.2): 70.0}.get(tried[-1], 50.0)
        return [replace(small_measurement(), value=value)]

    monkeypatch.setattr(module, "few_shot_of_procedure", measured)
    best = choose_adaptation(procedure(), blobs(8, 10, size=16), RECIPE)
    assert (best.steps, best.lr) == (4, 0.2)
    assert [steps for steps, _ in tried] == [2, 1, 4, 5, 4, 4, 4]
    assert "4 steps of rate 0.2" in best.description
    assert "chosen on 100 4-way 1-shot episodes of blobs" in best.description


def test_equal_accuracy_keeps_what_training_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "few_shot_of_procedure", lambda *_, **__: [replace(small_measurement(), value=50.0)])
    best = choose_adaptation(procedure(), blobs(8, 10, size=16), RECIPE)
    assert (best.steps, best.lr) == (2, 0.1)
    assert step_counts(5) == [5, 2, 10]


def small_measurement() -> Measurement:
    from episodes import TaskShape, sample_table
    from metaclr.evaluation import episode_accuracies
    from metaclr.evaluation.few_shot import measurement

    images = blobs(8, 10, size=16)
    table = sample_table(images, TaskShape(4, 1, 3), 3, seed=0)
    accuracies = episode_accuracies(images.images.flatten(1).float(), table)
    return measurement("few-shot", "", accuracies, table, images.required_labels(), target="t", protocol="")


def test_images_that_are_trained_or_measured_on_are_refused() -> None:
    images = blobs(8, 10, size=16)
    half = images.select(torch.arange(40))
    with pytest.raises(UserError, match=r"validation = 'half': 40 of its images are in 'whole' too"):
        check_validation("half", half, {"whole": images})


def test_the_choice_is_in_the_rows_of_a_comparison(tmp_path: Path) -> None:
    result = metaclr.compare(
        "glyphs",
        methods=["anil"],
        sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")},
        out=tmp_path / "out",
        device="cpu",
        overrides=[
            *small.SETTINGS,
            'evaluate.few_shot.heads=["method","prototune_encoder"]',
            "evaluate.few_shot.validation=digits",
            "evaluate.few_shot.ways=[3]",
            "evaluate.few_shot.shots=[1]",
            "evaluate.few_shot.episodes=20",
            "evaluate.linear=false",
            "evaluate.knn=false",
            "evaluate.low_label=false",
        ],
        quiet=True,
    )
    rows = result.rows.set_index(["method", "evaluator"]).protocol
    assert "steps and rate chosen on 100 3-way 1-shot episodes of digits" in rows["anil", "few-shot method"]
    assert (
        "by 15 steps of rate 0.001 by Adam without momentum from prototypes"
        in rows["anil", "few-shot prototune_encoder"]
    )
