"""log-sum-exp over the last axis, faster than torch's own and defined for rows in which nothing is allowed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _LogSumExp(torch.autograd.Function):
    """Keeps the exponentials of the forward, so that the backward is one product."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        most = values.amax(-1, keepdim=True)
        most = most.where(most > float("-inf"), 0)
        weights = (values - most).exp_()
        total = weights.sum(-1)
        ctx.save_for_backward(weights, total)
        result: Tensor = total.log() + most.squeeze(-1)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        weights, total = ctx.saved_tensors
        share = gradient / total.where(total > 0, 1)
        result: Tensor = weights * share.unsqueeze(-1)
        return result


def log_sum_exp(values: Tensor) -> Tensor:
    """`(..., C)` to `(...)`; a row of nothing but -inf gives -inf with a zero gradient, where torch gives nan."""
    result: Tensor = _LogSumExp.apply(values)
    return result
