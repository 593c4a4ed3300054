"""iMAML: conjugate gradients, and the implicit gradient against differentiation through a long inner loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from episodes import Episode
from metaclr.meta.conjugate_gradient import conjugate_gradient
from metaclr.meta.implicit import ImplicitLoop, ImplicitSettings

WAY = 3


class Smooth(nn.Module):
    features = 3

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.tanh(self.layer(pixels.flatten(1)))


def test_conjugate_gradients_solve_after_as_many_steps_as_there_are_unknowns() -> None:
    made = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, dtype=torch.float64, generator=made)
    matrix, right = root @ root.T + torch.eye(6), torch.randn(6, dtype=torch.float64, generator=made)
    solved = conjugate_gradient(lambda v: matrix @ v, right, 6)
    torch.testing.assert_close(matrix @ solved, right, rtol=1e-8, atol=1e-8)
    one = conjugate_gradient(lambda v: matrix @ v, right, 1)
    torch.testing.assert_close(one, right * right.dot(right) / right.dot(matrix @ right))
    assert conjugate_gradient(lambda v: matrix @ v, torch.zeros_like(right), 3).tolist() == [0] * 6


def test_implicit_gradient_is_that_of_the_unrolled_loop_at_its_end() -> None:
    torch.manual_seed(0)
    settings = ImplicitSettings(inner_lr=0.2, inner_steps=400, proximal=1.0, cg_steps=60, cg_damping=0.0)
    learner = ImplicitLoop(Smooth(), WAY, settings).double()
    made = torch.Generator().manual_seed(1)
    pixels = torch.randn(2, WAY, 4, 1, 2, 2, dtype=torch.float64, generator=made)
    index = torch.zeros(2, WAY, 4, dtype=torch.int64)
    loss, _ = learner(pixels, Episode(index, index, index[..., 0], 2))
    found = torch.autograd.grad(loss, list(learner.parameters()))
    net, total = nn.Sequential(learner.encoder, learner.head), torch.zeros((), dtype=torch.float64)
    target = torch.arange(WAY).repeat_interleave(2)
    for task in pixels:
        start = dict(net.named_parameters())
        weights = start
        for _ in range(settings.inner_steps):
            inner = F.cross_entropy(functional_call(net, weights, (task[:, :2].flatten(0, 1),)), target)
            inner = inner + 0.5 * sum((weights[n] - start[n]).square().sum() for n in start)
            slopes = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
            weights = {n: w - settings.inner_lr * s for (n, w), s in zip(weights.items(), slopes, strict=True)}
        total = total + F.cross_entropy(functional_call(net, weights, (task[:, 2:].flatten(0, 1),)), target) / 2
    torch.testing.assert_close(loss.detach(), total.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found, torch.autograd.grad(total, list(learner.parameters())), rtol=1e-6, atol=1e-7)


def test_no_conjugate_gradient_steps_take_the_query_gradient_itself() -> None:
    torch.manual_seed(0)
    pixels = torch.randn(1, WAY, 4, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    index = torch.zeros(1, WAY, 4, dtype=torch.int64)
    learner = ImplicitLoop(Smooth(), WAY, ImplicitSettings(inner_steps=0, cg_steps=0)).double()
    loss, _ = learner(pixels, Episode(index, index, index[..., 0], 2))
    net = nn.Sequential(learner.encoder, learner.head)
    plain = F.cross_entropy(net(pixels[0, :, 2:].flatten(0, 1)), torch.arange(WAY).repeat_interleave(2))
    parameters = list(learner.parameters())
    torch.testing.assert_close(torch.autograd.grad(loss, parameters), torch.autograd.grad(plain, parameters))
