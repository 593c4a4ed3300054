"""LARS: a learning rate of its own for every layer, so that very large batches train."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class LARS(torch.optim.Optimizer):
    r"""Layer-wise adaptive rate scaling with momentum.

    For a weight w with gradient g, decay beta, momentum m and learning rate lr:

        d = g + beta w
        trust = eta |w| / |d|      (1 where either norm is zero)
        v <- m v + lr trust d
        w <- w - v

    You, Gitman, Ginsburg 2017, arXiv:1708.03888, has eta |w| / (|g| + beta |w|); this is the variant of SimCLR
    (Chen et al. 2020, arXiv:2002.05709, `lars_optimizer.py`), which takes the norm of the sum and keeps the
    learning rate inside the momentum. A group with `adapt=False` has trust = 1: biases and norms (see
    `optimizers.groups`). No value is read back to the host.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        eta: float = 1e-3,
        adapt: bool = True,
    ) -> None:
        super().__init__(
            params,
            {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "eta": eta, "adapt": adapt},
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if weights:
                self._update(weights, group)
        return loss

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        steps = [w.grad for w in weights if w.grad is not None]
        if group["weight_decay"]:
            steps = list(torch._foreach_add(steps, weights, alpha=group["weight_decay"]))
        if group["adapt"]:
            scaled = torch._foreach_mul(steps, _trust(weights, steps, group["eta"]))
            steps = list(torch._foreach_mul(scaled, group["lr"]))
        else:
            steps = list(torch._foreach_mul(steps, group["lr"]))
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        velocities = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, steps)
        torch._foreach_sub_(weights, velocities)


def _trust(weights: list[Tensor], steps: list[Tensor], eta: float) -> list[Tensor]:
    """eta |w| / |d| for each weight as 0-d tensors, 1 where either norm is zero."""
    w = torch.stack(list(torch._foreach_norm(weights)))
    d = torch.stack(list(torch._foreach_norm(steps)))
    usual = (w > 0) & (d > 0)
    return list(torch.where(usual, eta * w / torch.where(usual, d, 1.0), 1.0).unbind())
