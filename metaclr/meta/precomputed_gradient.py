"""A loss with a precomputed gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def with_gradient(value: Tensor, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """`value` (0-d) with a backward that adds to each of `parameters` its entry of `gradients`, of the same shape."""
    loss: Tensor = _WithGradient.apply(value, len(parameters), *parameters, *gradients)
    return loss


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, count: int, *tensors: Tensor) -> Tensor:
        ctx.gradients = tensors[count:]
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [gradient * grads[0] for gradient in ctx.gradients]
        return (None, None, *scaled, *(None for _ in scaled))
