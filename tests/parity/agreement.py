"""What the parity tests share: the same input to two losses, their values and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from metaclr.bridge import Context, Objective

INSTALL = "not installed: `uv run --group parity pytest tests/parity`"
SIZES = [(2, 2, 3), (6, 2, 5), (5, 4, 8), (20, 3, 16)]  # ways, views, dimensions
TWO_VIEWS = [(2, 2, 3), (6, 2, 5), (24, 2, 16)]
TEMPERATURES = [0.07, 0.5, 2.0]

Loss = Callable[[Tensor], Tensor]


def grid(sizes: list[tuple[int, int, int]]) -> list[tuple[tuple[int, int, int], float]]:
    """Every size at every temperature."""
    return list(product(sizes, TEMPERATURES))


def draw(size: tuple[int, int, int], seed: int = 0) -> Tensor:
    """A batch of one task, float64 `(1, N, V, D)`."""
    return torch.randn(1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bridge(settings: Objective, context: Context | None = None) -> Loss:
    """The loss of a batch `(1, N, V, D)` as a function of it."""

    def loss(z: Tensor) -> Tensor:
        value: Tensor = settings.build(z.shape[-1]).double()(z, context)
        return value

    return loss


def with_gradient(loss: Loss, z: Tensor) -> tuple[Tensor, Tensor]:
    """Value of the loss, and its gradient by the batch."""
    z = z.detach().clone().requires_grad_()
    value = loss(z)
    return value.detach(), torch.autograd.grad(value, z)[0]


def agree(mine: Loss, theirs: Loss, z: Tensor, rtol: float = 1e-10) -> None:
    """Same value, same gradient, and neither of them nothing."""
    value, gradient = with_gradient(mine, z)
    other, slope = with_gradient(theirs, z)
    torch.testing.assert_close(value, other, rtol=rtol, atol=1e-12)
    torch.testing.assert_close(gradient, slope, rtol=rtol, atol=1e-10 * float(slope.abs().max()))
    assert gradient.abs().max() > 0
