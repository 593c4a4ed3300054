"""LARS against its formula written as a loop over single parameters."""

from __future__ import annotations

import torch

from metaclr.engine.lars import LARS


def by_hand(
    weights: list[torch.Tensor], grads: list[list[torch.Tensor]], *, lr: float, m: float, beta: float, adapt: bool
) -> list[torch.Tensor]:
    """Chen et al.'s lars_optimizer.py, one parameter at a time: classic momentum, eta 0.001."""
    weights = [w.clone() for w in weights]
    velocity = [torch.zeros_like(w) for w in weights]
    for step in grads:
        for i, grad in enumerate(step):
            d = grad + beta * weights[i]
            trust = 1.0
            if adapt and weights[i].norm() > 0 and d.norm() > 0:
                trust = 0.001 * float(weights[i].norm() / d.norm())
            velocity[i] = m * velocity[i] + lr * trust * d
            weights[i] = weights[i] - velocity[i]
    return weights


def test_equals_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (5,), (2, 2, 3, 3), (3, 3)]
    start = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    start[3].zero_()  # a zero weight has trust 1
    grads = [[torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes] for _ in range(5)]
    grads[2][0].zero_()
    for adapt in (True, False):
        for beta in (0.0, 0.01):
            weights = [torch.nn.Parameter(w.clone()) for w in start]
            optimizer = LARS([{"params": weights, "adapt": adapt}], lr=0.3, momentum=0.9, weight_decay=beta)
            for step in grads:
                for weight, grad in zip(weights, step, strict=True):
                    weight.grad = grad.clone()
                optimizer.step()
            expected = by_hand(start, grads, lr=0.3, m=0.9, beta=beta, adapt=adapt)
            for weight, wanted in zip(weights, expected, strict=True):
                torch.testing.assert_close(weight.detach(), wanted, rtol=1e-12, atol=1e-12)


def test_a_parameter_without_gradient_stays() -> None:
    used, idle = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2, 2))
    optimizer = LARS([used, idle], lr=1.0)
    used.grad = torch.ones(2, 2)
    optimizer.step()
    assert not torch.equal(used, torch.ones(2, 2))
    assert torch.equal(idle, torch.ones(2, 2))


def test_no_decay_group_with_zero_norms_moves_as_sgd() -> None:
    bias = torch.nn.Parameter(torch.zeros(3))
    reference = torch.nn.Parameter(torch.zeros(3))
    mine = LARS([{"params": [bias], "adapt": False}], lr=0.1)
    theirs = torch.optim.SGD([reference], lr=0.1, momentum=0.9)
    for _ in range(3):
        bias.grad, reference.grad = torch.ones(3), torch.ones(3)
        mine.step()
        theirs.step()
    torch.testing.assert_close(bias, reference)
