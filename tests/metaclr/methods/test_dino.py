"""DINO by a loop: the target's center and prototypes are moving averages of what the loop keeps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metaclr.bridge import Context
from metaclr.bridge.losses.dino import DINO
from metaclr.errors import UserError
from tests import reference as loops


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def scores_of(rows: Tensor, weight: Tensor) -> list[list[float]]:
    rows, weight = loops.unit(rows), loops.unit(weight)
    return [[loops.dot(row, w) for w in weight] for row in rows]


def softmax(values: list[float]) -> list[float]:
    total = loops.log_sum_exp(values)
    return [math.exp(value - total) for value in values]


@pytest.mark.parametrize("views", [2, 4])
def test_three_steps_are_those_of_the_loops(views: int) -> None:
    module = DINO(prototypes=7).build(5).double()
    center, weight = [0.0] * 7, module.target_weight.clone()
    for step in range(3):
        z, t = draw(1, 6, views, 5, seed=step), draw(1, 6, views, 5, seed=10 + step)
        trained = module.prototypes.weight.detach()
        terms, seen = [], []
        for first in (0, 1):
            of_target = scores_of(t[0, :, first], weight)
            seen += of_target
            targets = [softmax([(s - c) / 0.04 for s, c in zip(row, center, strict=True)]) for row in of_target]
            for view in range(views):
                if view != first:
                    logits = [[s / 0.1 for s in row] for row in scores_of(z[0, :, view], trained)]
                    each = [
                        -sum(p * (x - loops.log_sum_exp(row)) for p, x in zip(target, row, strict=True))
                        for target, row in zip(targets, logits, strict=True)
                    ]
                    terms.append(loops.mean(each))
        assert module(z, Context(momentum_embeddings=t)).item() == pytest.approx(loops.mean(terms), rel=1e-9)
        center = [0.9 * c + 0.1 * loops.mean(list(of)) for c, of in zip(center, zip(*seen, strict=True), strict=True)]
        torch.testing.assert_close(module.center, torch.tensor(center, dtype=torch.float64))
        with torch.no_grad():
            module.prototypes.weight.add_(draw(7, 5, seed=20 + step))
        module.follow(0.75)
        weight = 0.75 * weight + 0.25 * module.prototypes.weight.detach()
        torch.testing.assert_close(module.target_weight, weight)


def test_where_nothing_is_learned_it_costs_the_log_of_the_prototypes() -> None:
    zero = torch.zeros(1, 6, 2, 5)
    assert DINO(prototypes=7).build(5)(zero, Context(momentum_embeddings=zero)).item() == pytest.approx(math.log(7))


def test_a_constant_target_is_spread_evenly_by_its_center() -> None:
    """Collapse to one point: after many steps the center has moved onto it, and the target is uniform."""
    module, same = DINO(prototypes=7, center_momentum=0.5).build(5).double(), torch.ones(1, 6, 2, 5)
    for _ in range(40):
        module(same.double(), Context(momentum_embeddings=same.double()))
    weight = loops.unit(module.target_weight)
    torch.testing.assert_close(module.center, loops.unit(same.double()[0, 0, 0]) @ weight.T)


def test_it_needs_a_momentum_encoder() -> None:
    with pytest.raises(UserError, match="momentum encoder"):
        DINO(prototypes=7).build(5)(torch.ones(1, 6, 2, 5))
