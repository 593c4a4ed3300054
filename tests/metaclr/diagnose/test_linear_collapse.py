"""Dimensional collapse in linear networks: the derivation against autograd, the closed forms against training."""

from __future__ import annotations

import pytest
import torch

from metaclr.diagnose.linear_collapse import (
    alignment_matrix,
    contrastive_covariance,
    fixed_weight,
    growth,
    one_layer,
    two_layers,
)
from metaclr.errors import UserError

DOUBLE = torch.float64


def test_the_gradient_is_minus_the_weight_times_the_contrastive_covariance() -> None:
    source = torch.Generator().manual_seed(0)
    x, other = torch.randn(9, 4, dtype=DOUBLE, generator=source), torch.randn(9, 4, dtype=DOUBLE, generator=source)
    weight = torch.randn(3, 4, dtype=DOUBLE, generator=source, requires_grad=True)
    squared = ((x @ weight.T).unsqueeze(1) - (other @ weight.T).unsqueeze(0)).square().sum(-1)
    loss = (squared.diagonal() / 2 + (-squared / 2).logsumexp(1)).mean()
    (gradient,) = torch.autograd.grad(loss, weight)
    covariance = contrastive_covariance(x, other, weight.detach())
    torch.testing.assert_close(gradient, -weight.detach() @ covariance)
    torch.testing.assert_close(covariance, covariance.T)
    # The chain rule of two layers.
    lower, upper = (torch.randn(4, 4, dtype=DOUBLE, generator=source, requires_grad=True) for _ in range(2))
    product = upper @ lower
    squared = ((x @ product.T).unsqueeze(1) - (other @ product.T).unsqueeze(0)).square().sum(-1)
    loss = (squared.diagonal() / 2 + (-squared / 2).logsumexp(1)).mean()
    of_lower, of_upper = torch.autograd.grad(loss, (lower, upper))
    covariance = contrastive_covariance(x, other, product.detach())
    torch.testing.assert_close(of_lower, -(upper.mT @ product @ covariance).detach())
    torch.testing.assert_close(of_upper, -(product @ covariance @ lower.mT).detach())


def test_the_closed_form_is_the_covariance_of_a_large_batch() -> None:
    source = torch.Generator().manual_seed(0)
    noise, weight = torch.tensor([0.5, 2.0], dtype=DOUBLE), torch.tensor([0.8, 0.4], dtype=DOUBLE)
    found = torch.zeros(2, 2, dtype=DOUBLE)
    for _ in range(12):
        images, one, other = (torch.randn(2000, 2, dtype=DOUBLE, generator=source) for _ in range(3))
        views = images + noise.sqrt() * one, images + noise.sqrt() * other
        found += contrastive_covariance(*views, torch.diag(weight)) / 12
    torch.testing.assert_close(found.diagonal(), growth(weight, noise), rtol=0, atol=0.06)
    assert abs(float(found[0, 1])) < 0.06


def test_a_direction_grows_from_zero_and_rests_at_the_fixed_point() -> None:
    noise = torch.logspace(-2, 3, 20, dtype=DOUBLE)
    torch.testing.assert_close(growth(torch.zeros(20, dtype=DOUBLE), noise), torch.full((20,), 2.0, dtype=DOUBLE))
    torch.testing.assert_close(growth(fixed_weight(noise), noise), torch.zeros(20, dtype=DOUBLE), rtol=0, atol=1e-9)
    condition = torch.tensor([2**0.5 - 1], dtype=DOUBLE)
    assert float(growth(torch.ones(1, dtype=DOUBLE), condition)) == pytest.approx(0, abs=1e-12)
    assert float(growth(torch.ones(1, dtype=DOUBLE), condition + 0.01)) < 0
    far = torch.tensor([1e4], dtype=DOUBLE)
    assert float(fixed_weight(far).square() * 3 * far.square() / 2) == pytest.approx(1, rel=1e-3)
    with pytest.raises(UserError, match="above 0"):
        fixed_weight(torch.zeros(2))


def test_one_layer_shrinks_the_directions_of_strong_noise_as_derived() -> None:
    noise = torch.tensor([0.3, 1.0, 3.0], dtype=DOUBLE)
    path = one_layer(noise, time=12, step=0.1, batch=600)
    at_end = path.measured[-30:].mean(0)
    torch.testing.assert_close(at_end, path.theory[-1], rtol=0.05, atol=0)
    torch.testing.assert_close(path.theory[-1], fixed_weight(noise), rtol=0.01, atol=0)
    torch.testing.assert_close(path.measured, path.theory, rtol=0.15, atol=0)
    start, end = (torch.linalg.eigvalsh(one) for one in path.covariance)
    assert int((start < 0).sum()) == 2  # noise above sqrt(2) - 1 of the data
    assert float(end.abs().max()) < 0.25


def test_two_layers_leave_small_singular_values_where_they_are() -> None:
    start = [1.0, 0.6, 0.3, 0.1]
    path = two_layers(start, time=8, step=0.1, batch=600)
    torch.testing.assert_close(path.measured[-20:].mean(0), path.theory[-1], rtol=0.08, atol=0)
    small = float(path.measured[-1, -1])
    assert small == pytest.approx(0.01, rel=0.6)  # of the product; the fixed point is 0.89
    assert float(torch.linalg.eigvalsh(path.covariance[1]).min()) > -0.2  # no direction is pushed down
    # c(t): 1 / c^2 = 1 / c0^2 - 4 s t while c is small.
    assert float(1 / path.theory[-1, -1]) == pytest.approx(1 / 0.01 - 4 * 8, rel=0.05)
    # One layer grows the same direction in that time.
    alone = torch.tensor([0.1], dtype=DOUBLE)
    for _ in range(80):
        alone = alone + 0.1 * alone * growth(alone, torch.tensor([0.5], dtype=DOUBLE))
    assert float(alone) > 0.85


def test_layers_align() -> None:
    path = two_layers([1.0, 0.5, 0.25], aligned=False, time=10, step=0.1, batch=400)
    before, after = (alignment_matrix(*layers).max(1).values.mean() for layers in path.layers)
    assert float(before) < 0.92
    assert float(after) > 0.98
