"""Adam without momentum (beta1 = 0) as an inner rule: Reptile's. Nichol et al. 2018, arXiv:1803.02999, section 6."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.meta.functional_network import Weights
from metaclr.meta.inner_steps import Rate

BETA2, EPS = 0.999, 1e-8  # torch.optim.Adam's, and TensorFlow's


class AdamRule:
    """w - rate * g / (sqrt(v / (1 - beta2^t)) + eps), v the moving average of g^2.

    second_moment, count: v by parameter name and the number t of steps before the first; empty and 0 for a fresh start.
    A head of other ways than v was kept for starts from the mean of v over ways, as its weights do.
    """

    description = "Adam without momentum"

    def __init__(self, rate: Rate, second_moment: Weights | None = None, count: int = 0) -> None:
        self.rate, self.second_moment, self.count = rate, dict(second_moment or {}), count

    def __call__(self, weights: Weights, gradients: Weights, step: int) -> Weights:
        """See `Rule`."""
        self.count += 1
        changed = {}
        for name, gradient in gradients.items():
            before = self.second_moment.get(name)
            if before is not None and before.shape != gradient.shape:
                before = before.mean(0, keepdim=True)
            moment = (1 - BETA2) * gradient.square() + (BETA2 * before if before is not None else 0)
            self.second_moment[name] = moment
            scale: Tensor = torch.sqrt(moment / (1 - BETA2**self.count)) + EPS
            changed[name] = weights[name] - self.rate(step, name) * gradient / scale
        return changed
