"""Multi-class support vector machine fitted to the support (MetaOptNet; Lee et al. 2019, arXiv:1904.03758).

They differentiate a QP solver. Here the dual (Crammer and Singer 2001) is solved by a fixed number of accelerated
projected gradient steps (FISTA, Beck and Teboulle 2009), through which autograd passes: the gradient is exactly that
of the logits that come out, for any number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier


@dataclass(frozen=True)
class SVM:
    r"""Class weights $w_c = \sum_i \alpha_i^c s_i$ that maximize $\sum_i \alpha_i^{y_i} - \frac12 \sum_c \|w_c\|^2$.

    Subject to $\alpha_i^{y_i} \le C$, $\alpha_i^c \le 0$ elsewhere and $\sum_c \alpha_i^c = 0$.

    Raises:
        UserError: a penalty that is not above 0, or steps below 1.
    """

    iterative: ClassVar[bool] = True
    penalty: float = 0.1  # C of kjunelee/MetaOptNet
    steps: int = 30  # duality gap below 1 % of the objective for 5-way 5-shot unit vectors (tests)

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise UserError(f"SVM penalty = {self.penalty} must be above 0")
        if self.steps < 1:
            raise UserError(f"SVM steps = {self.steps} must be at least 1")

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way."""
        weight = svm_dual(support, self.penalty, self.steps).mT @ support.flatten(1, 2)
        return LinearClassifier(weight, None, support.shape[1])


def svm_dual(support: Tensor, penalty: float, steps: int) -> Tensor:
    """Dual variables alpha `(E, N K, N)` of support `(E, N, K, D)`.

    With `beta = C Y - alpha` the constraints are that each row of beta lies in the simplex of size C.
    """
    ways, shots = support.shape[1:3]
    rows = support.flatten(1, 2)
    gram = rows @ rows.mT
    targets = torch.eye(ways, dtype=rows.dtype, device=rows.device).repeat_interleave(shots, 0)
    step = 1 / gram.abs().sum(-1).amax(-1).clamp(min=1e-12)[:, None, None]  # largest eigenvalue is no larger
    corner = penalty * targets
    beta = ahead = corner.expand(len(rows), -1, -1)
    speed = 1.0
    for _ in range(steps):
        slope = targets - gram @ (corner - ahead)
        before, beta = beta, onto_simplex(ahead - step * slope, penalty)
        faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead = beta + (speed - 1) / faster * (beta - before)
        speed = faster
    return corner - beta


def onto_simplex(points: Tensor, size: float) -> Tensor:
    """Nearest point `x >= 0, sum x = size` along the last axis (Held, Wolfe and Crowder 1974)."""
    ordered = points.sort(-1, descending=True).values
    excess = ordered.cumsum(-1) - size
    rank = torch.arange(1, points.shape[-1] + 1, dtype=points.dtype, device=points.device)
    active = (ordered * rank > excess).sum(-1, keepdim=True)
    level = excess.gather(-1, active - 1) / active
    return (points - level).relu()
