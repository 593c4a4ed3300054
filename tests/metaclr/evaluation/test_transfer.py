"""One encoder on a list of targets."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from episodes import TaskShape, sample_table
from metaclr.errors import UserError
from metaclr.evaluation import EVALUATORS, FineTune, Target, make_target, transfer
from metaclr.evaluation.linear_probe import Probe, fit_probe
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder

SMALL = {"ways": (5,), "shots": (1,), "query": 5, "episodes": 30, "fractions": (), "per_class": (2,), "subsets": 2}


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.rows = small_encoder(), 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.rows += len(images)
        return self.inner(images)  # type: ignore[no-any-return]


def test_all_evaluators_on_all_targets_with_features_made_once() -> None:
    first, second = blobs(6, 12), blobs(8, 12, seed=1)
    targets = [make_target("a", first, **SMALL), make_target("b", second, **SMALL)]  # type: ignore[arg-type]
    encoder = Counting()
    frozen = transfer(encoder, targets, EVALUATORS[:4])
    assert encoder.rows == len(first) + len(second)
    assert Counter((m.target, m.evaluator) for m in frozen) == {(t, e): 1 for t in "ab" for e in EVALUATORS[:4]}
    assert all(f"images={targets[0].images.fingerprint()[:16]}" in m.protocol for m in frozen if m.target == "a")
    (tuned,) = transfer(encoder, targets[0], ["low-label finetune"], fine_tune=FineTune(steps=2))
    assert tuned.labels == "2 per class (12)"


def test_a_target_is_brought_to_the_encoders_size() -> None:
    target = make_target("big", blobs(6, 12, size=16), size=8, channels=3, **SMALL)  # type: ignore[arg-type]
    assert target.images.images.shape[1:] == (3, 8, 8)
    assert len(target.train) == len(target.test) == 36
    assert [name for name, _ in target.subsets] == ["2 per class (12)"]


def test_refusals() -> None:
    images = blobs(6, 12)
    with pytest.raises(UserError, match="no labels"):
        Target("bare", images.unlabelled())
    foreign = sample_table(blobs(6, 12, seed=9), TaskShape(5, 1, 1), 4, seed=0)
    with pytest.raises(UserError, match="another image set"):
        Target("foreign", images, (foreign,))
    with pytest.raises(UserError, match="did you mean 'knn'"):
        transfer(small_encoder(), Target("t", images), ["kn"])


def test_each_label_subset_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning starts from the probe that the frozen evaluator fitted."""
    fitted: list[int] = []

    def spy(x: torch.Tensor, y: torch.Tensor, *, classes: int) -> Probe:
        fitted.append(len(x))
        return fit_probe(x, y, classes=classes)

    monkeypatch.setattr("metaclr.evaluation.label_subsets.fit_probe", spy)
    target = make_target("a", blobs(6, 20), ways=[2], shots=[1], episodes=10, per_class=[2], fractions=[], subsets=3)
    both = transfer(small_encoder(), target, ["low-label frozen", "low-label finetune"], fine_tune=FineTune(steps=2))
    assert fitted == [12, 12, 12]
    alone = transfer(small_encoder(), target, ["low-label finetune"], fine_tune=FineTune(steps=2))
    assert alone[0].value == both[1].value
