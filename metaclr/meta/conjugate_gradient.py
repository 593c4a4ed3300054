"""Conjugate gradients on symmetric positive definite systems that are given by their product with a vector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


@torch.no_grad()
def conjugate_gradient(product: Callable[[Tensor], Tensor], right: Tensor, steps: int) -> Tensor:
    """x of A x = right (P,) after `steps` steps from 0 (Hestenes and Stiefel 1952); exact after P steps.

    product: v -> A v. Nothing changes once the residual is 0. No value is read from the device.
    """
    x, residual = torch.zeros_like(right), right.clone()
    direction, square = residual.clone(), residual.dot(residual)
    for _ in range(steps):
        along = product(direction)
        length = _ratio(square, direction.dot(along))
        x = x + length * direction
        residual = residual - length * along
        previous, square = square, residual.dot(residual)
        direction = residual + _ratio(square, previous) * direction
    return x


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where both are 0."""
    return torch.where(numerator == 0, numerator, numerator / denominator)
