"""Gradients without a derivative of their own: asking for one is an error, never a wrong number.

torch's `once_differentiable` says so only where the gradient that comes in has a derivative, and the mean's has none.
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
    """The gradients of a backward, tied to its saved `result` where a graph of them is asked for (`create_graph`)."""
    tied: G = _Once.apply(result, *gradients) if torch.is_grad_enabled() else gradients
    return tied
