"""Dispersion: its extremes, its relation to uniformity, its gradient, and UniSiam's gradient as two of its parts."""

from __future__ import annotations

from math import exp

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr import methods
from metaclr.bridge.losses.align_uniform import uniformity
from metaclr.bridge.losses.dispersion import Dispersion
from metaclr.errors import UserError


def draw(ways: int = 6, views: int = 2, dim: int = 5) -> Tensor:
    return torch.randn(1, ways, views, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def loss(z: Tensor, temperature: float = 2.0) -> Tensor:
    value: Tensor = Dispersion(temperature).build(z.shape[-1])(z)
    return value


def test_collapsed_embeddings_cost_most() -> None:
    assert loss(torch.ones(1, 5, 2, 3), 0.5).item() == pytest.approx(2.0)
    opposite = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 3, 4)
    assert loss(opposite, 0.5).item() == pytest.approx(-2.0)


def test_views_of_one_image_do_not_repel_each_other() -> None:
    z = draw(2, 2)
    way_a, way_b = F.normalize(z[0], dim=-1)
    pairs = [exp(float(x @ y) / 2) for x in way_a for y in way_b]
    assert loss(z).item() == pytest.approx(torch.tensor(pairs, dtype=torch.float64).mean().log().item(), rel=1e-12)


@pytest.mark.parametrize("t", [0.25, 2.0])
def test_with_one_view_it_is_uniformity_up_to_a_constant(t: float) -> None:
    z = draw(7, 1)
    expected = uniformity(F.normalize(z[0, :, 0], dim=-1), t) + 2 * t
    torch.testing.assert_close(loss(z, 1 / (2 * t)), expected)


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(loss, (draw().requires_grad_(),))


def test_unisiam_is_simsiam_and_a_tenth_of_it() -> None:
    z = draw(8, 2, 6)
    unisiam = methods.get("unisiam").objective.build(6).double()
    simsiam = unisiam.terms[0]  # type: ignore[index]
    both = torch.autograd.grad(unisiam(z.requires_grad_()), z)[0]
    parts = torch.autograd.grad(simsiam(z) + 0.1 * loss(z), z)[0]  # type: ignore[operator]
    torch.testing.assert_close(both, parts, rtol=1e-10, atol=1e-12)


def test_refusals() -> None:
    with pytest.raises(UserError, match="at least 2 images"):
        loss(draw(1))
    with pytest.raises(UserError, match=r"temperature = 0\.0"):
        Dispersion(0.0)
