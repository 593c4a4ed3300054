"""A custom backward that raises on double differentiation instead of returning a wrong second derivative.

torch's `once_differentiable` raises only if the incoming gradient requires grad, and the gradient of a mean does not.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd import Function

G = TypeVar("G", bound="tuple[Tensor | None, ...]")


class _Once(Function):
    @staticmethod
    def forward(ctx: Any, anchor: Tensor, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if one is None else one.view_as(one) for one in gradients)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        raise RuntimeError("this loss has no second derivative: its backward is not differentiable")


def first_order_only(result: Tensor, gradients: G) -> G:
    """The gradients of a backward, tied to its saved `result` under `create_graph`."""
    tied: G = _Once.apply(result, *gradients) if torch.is_grad_enabled() else gradients
    return tied
