"""On shuffled labels every evaluator is at chance within its interval; on the true labels it is far above."""

from __future__ import annotations

import pytest
import torch

from episodes import ImageSet, TaskShape, sample_table
from metaclr.evaluation import EVALUATORS, HEADS, FineTune, Measurement, few_shot, make_target, transfer
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder


def measured(images: ImageSet) -> list[Measurement]:
    target = make_target("blobs", images, query=5, episodes=400, fractions=(0.1,), per_class=(5,), subsets=3)
    return transfer(small_encoder(), target, EVALUATORS, fine_tune=FineTune(steps=10, lr=1e-3))


def test_shuffled_labels_are_at_chance() -> None:
    images = blobs(24, 40, noise=40.0)
    true, shuffled = measured(images), measured(images.shuffled_labels(seed=0))
    assert len(true) == len(shuffled) == 4 + 1 + 1 + 2 + 2 + 1
    for real, chance in zip(true, shuffled, strict=True):
        if chance.evaluator == "meta-dataset":  # tasks of 5 to 24 ways
            assert 100 / 24 - chance.ci95 <= chance.value <= 100 / 5
            assert real.value > 90
            continue
        assert chance.way is not None
        what = f"{chance.evaluator}, {chance.way}-way {chance.shot}-shot {chance.labels}"
        expected = 100 / chance.way
        assert abs(chance.value - expected) <= chance.ci95, f"{what}: {chance.value:.2f} ± {chance.ci95:.2f}"
        assert real.value - real.ci95 > 1.5 * expected, f"{what}: {real.value:.2f} ± {real.ci95:.2f} on true labels"


@pytest.mark.parametrize("head", [name for name in HEADS if name != "calibrated"])
def test_random_features_are_at_chance(head: str) -> None:
    """Large classes: a query never comes from its own support, so the rest of a class of n lies on the other side
    of the class mean, by 1 / (n - 1), and among 40 images of a class accuracy is measurably *below* chance."""
    classes, per_class = 40, 1000
    images = ImageSet(
        torch.zeros(classes * per_class, 1, 1, 1, dtype=torch.uint8),
        torch.arange(classes).repeat_interleave(per_class),
    )
    random = torch.randn(len(images), 16, generator=torch.Generator().manual_seed(1))
    tables = [sample_table(images, TaskShape(way, shot, 5), 400, seed=1) for way in (5, 20) for shot in (1, 5)]
    for found in few_shot(random, tables, images.required_labels(), target="random", head=head):
        assert found.way is not None
        assert abs(found.value - 100 / found.way) <= found.ci95, f"{found.way}-way {found.shot}-shot"
