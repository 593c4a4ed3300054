"""SwAV by a loop; its value where nothing is learned; multi-crop; frozen prototypes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metaclr.bridge.losses.swav import SwAV
from metaclr.bridge.queue_pseudo_labels import sinkhorn
from tests import reference as loops
from tests.metaclr.bridge.test_gradients import small


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def expected(z: Tensor, prototypes: Tensor, code_views: int) -> float:
    """z (N, V, D): Sinkhorn on the matrix itself, as in the paper: prototypes to 1/K, images to 1/N."""
    z, prototypes = loops.unit(z), loops.unit(prototypes)
    scores = [[[loops.dot(row, c) for c in prototypes] for row in z[:, view]] for view in range(z.shape[1])]
    terms = []
    for first in range(code_views):
        plan = [[math.exp(s / 0.05) for s in row] for row in scores[first]]
        for _ in range(3):
            totals = [sum(column) for column in zip(*plan, strict=True)]
            plan = [[p / (t * len(totals)) for p, t in zip(row, totals, strict=True)] for row in plan]
            plan = [[p / (sum(row) * len(plan)) for p in row] for row in plan]
        codes = [[p / sum(row) for p in row] for row in plan]
        for view in range(z.shape[1]):
            if view != first:
                logs = [[s / 0.1 - loops.log_sum_exp([x / 0.1 for x in row]) for s in row] for row in scores[view]]
                each = [-loops.dot(torch.tensor(c), torch.tensor(n)) for c, n in zip(codes, logs, strict=True)]
                terms.append(loops.mean(each))
    return loops.mean(terms)


def test_loss_is_that_of_the_loops() -> None:
    module, z, context = small("swav")
    weight = module.prototypes.weight.detach()
    assert module(z, context).item() == pytest.approx(expected(z[0], weight, 2), rel=1e-6)


def test_the_two_large_crops_of_a_multi_crop_are_assigned_and_all_views_predict() -> None:
    z, module = draw(1, 6, 4, 5), SwAV(prototypes=7).build(5).double()
    weight = module.prototypes.weight.detach().clone()  # type: ignore[union-attr]
    assert module(z).item() == pytest.approx(expected(z[0], weight, 2), rel=1e-6)


def test_codes_take_no_gradient() -> None:
    z, module = draw(1, 6, 2, 5).requires_grad_(), SwAV(prototypes=7).build(5).double().eval()
    mine = torch.autograd.grad(module(z), z)[0]
    weight = next(module.parameters()).detach()
    scores = torch.nn.functional.normalize(z[0], dim=-1) @ torch.nn.functional.normalize(weight, dim=-1).T
    codes = [sinkhorn(scores[:, view].detach(), 0.05, 3).exp() for view in (0, 1)]
    each = [(codes[view] * (scores[:, 1 - view] / 0.1).log_softmax(-1)).sum(-1).mean() for view in (0, 1)]
    torch.testing.assert_close(mine, torch.autograd.grad(-(each[0] + each[1]) / 2, z)[0])


def test_where_nothing_is_learned_it_costs_the_log_of_the_prototypes() -> None:
    module = SwAV(prototypes=7).build(5)
    assert module(torch.zeros(1, 6, 2, 5)).item() == pytest.approx(math.log(7), rel=1e-6)


def test_prototypes_have_unit_length_and_stay_while_they_are_frozen() -> None:
    module = SwAV(prototypes=7, frozen_steps=2).build(5).double()
    for step in range(3):
        module.zero_grad()
        module(draw(1, 6, 2, 5, seed=step)).backward()
        (gradient,) = [one.grad for one in module.parameters()]
        assert gradient is not None
        assert bool(gradient.any()) == (step == 2)
    norms = next(module.parameters()).norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
