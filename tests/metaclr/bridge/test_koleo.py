"""KoLeo by a loop, its gradient, and its value where all rows are equal."""

from __future__ import annotations

import math

import pytest
import torch

from metaclr.bridge.losses.koleo import KoLeo
from metaclr.errors import UserError
from tests import reference as loops


def test_loss_is_that_of_the_loops_and_passes_gradcheck() -> None:
    z = torch.randn(1, 6, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit, terms = loops.unit(z[0]), []
    for view in (0, 1):
        for i, row in enumerate(unit[:, view]):
            others = [other for j, other in enumerate(unit[:, view]) if j != i]
            terms.append(-math.log(min((row - other).norm().item() for other in others)))
    module = KoLeo().build(5)
    assert module(z).item() == pytest.approx(loops.mean(terms), rel=1e-6)
    assert torch.autograd.gradcheck(module, (z.requires_grad_(),), atol=1e-6)


def test_equal_rows_cost_a_finite_number() -> None:
    same = torch.ones(1, 6, 2, 5, dtype=torch.float64).requires_grad_()
    loss = KoLeo().build(5)(same)
    assert loss.item() == pytest.approx(-math.log(1e-8 * (1 + math.sqrt(5))), rel=1e-6)
    loss.backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()


def test_one_image_has_no_neighbor() -> None:
    with pytest.raises(UserError, match="KoLeo needs at least 2 images"):
        KoLeo().build(5)(torch.ones(1, 1, 2, 5))
