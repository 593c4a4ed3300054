"""SIGReg by a loop over directions and a fine quadrature; Gaussian and collapsed embeddings; its directions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metaclr.bridge.losses.sig_reg import LeJEPA, LeJEPALoss, epps_pulley


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def statistic(values: list[float], knots: int, limit: float) -> float:
    """By the trapezium rule on the whole interval."""
    step, total = limit / (knots - 1), 0.0
    for k in range(-knots + 1, knots):
        t = k * step
        real = sum(math.cos(t * x) for x in values) / len(values)
        imaginary = sum(math.sin(t * x) for x in values) / len(values)
        error = (real - math.exp(-t * t / 2)) ** 2 + imaginary**2
        total += error * math.exp(-t * t / 2) * step * (0.5 if abs(k) == knots - 1 else 1)
    return len(values) * total


def test_loss_is_that_of_the_loops() -> None:
    z = draw(1, 6, 3, 5)
    module = LeJEPA(weight=0.3, directions=4).build(5, seed=1).double()
    assert isinstance(module, LeJEPALoss)
    along = module.directions(z[0, :, 0])
    tests = [
        statistic([float(row @ along[:, m]) for row in z[0, :, view]], 17, 3.0) for view in range(3) for m in range(4)
    ]
    spread = [(z[0, n, v, d] - z[0, n, :, d].mean()).item() ** 2 for n in range(6) for v in range(3) for d in range(5)]
    expected = 0.3 * sum(tests) / len(tests) + 0.7 * sum(spread) / len(spread)
    assert module(z).item() == pytest.approx(expected, rel=1e-6)


def test_of_a_normal_sample_the_statistic_has_its_expected_value() -> None:
    r"""E n |\hat\phi - \phi|^2 = 1 - \phi^2, so the integral is that of (1 - e^{-t^2}) e^{-t^2/2}."""
    t = torch.linspace(-3, 3, 20_001, dtype=torch.float64)
    expected = torch.trapezoid((1 - (-(t**2)).exp()) * (-(t**2) / 2).exp(), t).item()
    found = epps_pulley(draw(200, 4000), knots=33)
    assert found.mean().item() == pytest.approx(expected, abs=4 * found.std().item() / 4000**0.5 + 0.002)
    assert epps_pulley(draw(200, 4000) * 2).mean() > 3 * expected


def test_a_collapsed_batch_costs_n_times_a_constant() -> None:
    t = torch.linspace(-3, 3, 20_001, dtype=torch.float64)
    expected = torch.trapezoid((1 - (-(t**2) / 2).exp()) ** 2 * (-(t**2) / 2).exp(), t).item()
    collapsed = LeJEPA(weight=1.0).build(5)(torch.zeros(1, 8, 2, 5)).item()
    assert collapsed == pytest.approx(8 * expected, rel=1e-3)


def test_directions_are_unit_isotropic_and_new_at_every_call() -> None:
    module, rows = LeJEPALoss(LeJEPA(directions=4096), seed=3), torch.zeros(2, 6)
    first = module.directions(rows)
    torch.testing.assert_close(first.norm(dim=0), torch.ones(4096))
    torch.testing.assert_close(first @ first.T / 4096, torch.eye(6) / 6, atol=0.02, rtol=0)
    assert torch.equal(first, module.directions(rows))
    module(torch.randn(1, 4, 2, 6))
    assert not torch.equal(first, module.directions(rows))
    assert not torch.equal(first, LeJEPALoss(LeJEPA(directions=4096), seed=4).directions(rows))
