"""Multinomial logistic regression, many problems at once: all episodes of a table, or all label subsets.

Minimises  mean cross-entropy(features @ W + b)  +  penalty / 2 * |W|^2  with a free bias, from zero, by L-BFGS
(Liu and Nocedal 1989) whose first metric is the exact Hessian at zero. scikit-learn's C is 1 / (n * penalty).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_HISTORY = 10
_HALVINGS = 12


@dataclass(frozen=True)
class Logistic:
    """P fitted problems: weight (P, F, N), bias (P, N); steps taken by the slowest; all within the tolerance?"""

    weight: Tensor
    bias: Tensor
    steps: int
    converged: bool

    def scores(self, features: Tensor) -> Tensor:
        """Logits (P, n, N) of features (n, F) or (P, n, F)."""
        return features @ self.weight + self.bias.unsqueeze(1)


def fit_logistic(
    features: Tensor,
    labels: Tensor,
    *,
    classes: int,
    penalty: float,
    steps: int = 200,
    tolerance: float = 1e-7,
) -> Logistic:
    """Fit P problems at once; those that are done stand still while others go on.

    Args:
        features: (P, n, F). labels: int64 (P, n) in 0..classes-1.
        penalty: on the squared weights, against a mean (not a sum) of cross-entropies.
        tolerance: on the squared length of the gradient, in the metric of the Hessian at zero, over the loss.
    """
    centre = features.mean(1, keepdim=True)
    rows, back = _fewer_columns(features - centre)
    ones = torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
    ridge = torch.full_like(ones[:1, :1].mT, penalty)
    ridge[:, -1] = 0  # the bias is free
    # At zero all classes are equally likely, and the Hessian is this matrix for every class.
    metric = ones.mT @ ones / (ones.shape[1] * classes) + torch.diag_embed(ridge.squeeze(-1))
    metric.diagonal(dim1=1, dim2=2).add_(torch.finfo(rows.dtype).eps * metric.diagonal(dim1=1, dim2=2).amax())
    factor = torch.linalg.cholesky(metric)
    solution, taken, converged = _lbfgs(ones, labels, ridge, factor, classes, steps, tolerance)
    weight = back(solution[:, :-1])
    return Logistic(weight, solution[:, -1] - (centre @ weight).squeeze(1), taken, converged)


def _fewer_columns(rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Fewer examples than features: the best weights lie in the span of the examples, so solve there.

    rows (P, n, F) -> (P, n, min(n, F)) of the same inner products, and the way back for weights.
    """
    if rows.shape[1] >= rows.shape[2]:
        return rows, lambda weight: weight
    basis, triangle = torch.linalg.qr(rows.mT)  # rows = triangle' basis'
    return triangle.mT, lambda weight: basis @ weight


def _lbfgs(
    rows: Tensor, labels: Tensor, ridge: Tensor, factor: Tensor, classes: int, steps: int, tolerance: float
) -> tuple[Tensor, int, bool]:
    """Minimise from zero. rows (P, n, R), ridge (1, R, 1), factor (P, R, R) -> solution (P, R, N), steps, converged."""
    one_hot = torch.nn.functional.one_hot(labels, classes).to(rows.dtype) / rows.shape[1]
    point = rows.new_zeros(rows.shape[0], rows.shape[2], classes)
    logits = rows.new_zeros(*rows.shape[:2], classes)
    loss, gradient = _value(logits, point, labels, ridge), _gradient(rows, logits, point, one_hot, ridge)
    moving = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    history: list[tuple[Tensor, Tensor, Tensor]] = []
    for step in range(steps):
        moving &= _dot(gradient, torch.cholesky_solve(gradient, factor)) > tolerance * loss
        if not moving.any():
            return point, step, True
        direction = -_two_loops(gradient, history, factor)
        along = rows @ direction
        length, least = _line_search(logits, along, point, direction, labels, ridge, loss, _dot(gradient, direction))
        # Where no length lowers the loss, rounding is all that is left.
        moving &= length > 0
        length = torch.where(moving, length, 0).view(-1, 1, 1)
        point, logits = point + length * direction, logits + length * along
        loss = torch.where(moving, least, loss)
        before, gradient = gradient, _gradient(rows, logits, point, one_hot, ridge)
        history.append(_pair(length * direction, gradient - before))
        history = history[-_HISTORY:]
    return point, steps, not bool(moving.any())


def _pair(moved: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A step, the change of gradient over it, and 1 / their product (0 where a problem stood still)."""
    product = _dot(moved, change)
    return moved, change, torch.where(product > 0, 1 / product, 0).view(-1, 1, 1)


def _two_loops(gradient: Tensor, history: list[tuple[Tensor, Tensor, Tensor]], factor: Tensor) -> Tensor:
    """The inverse-Hessian estimate times the gradient (Nocedal and Wright 2006, algorithm 7.4)."""
    alphas, rest = [], gradient
    for moved, change, weight in reversed(history):
        alphas.append(weight * _dot(moved, rest).view(-1, 1, 1))
        rest = rest - alphas[-1] * change
    rest = torch.cholesky_solve(rest, factor)
    if history:
        _, change, weight = history[-1]
        size = weight * _dot(change, torch.cholesky_solve(change, factor)).view(-1, 1, 1)
        rest = torch.where(size > 0, rest / size, rest)
    for (moved, change, weight), alpha in zip(history, reversed(alphas), strict=True):
        rest = rest + moved * (alpha - weight * _dot(change, rest).view(-1, 1, 1))
    return rest


def _line_search(
    logits: Tensor,
    along: Tensor,
    point: Tensor,
    direction: Tensor,
    labels: Tensor,
    ridge: Tensor,
    loss: Tensor,
    slope: Tensor,
) -> tuple[Tensor, Tensor]:
    """Per problem, the first of 1, 1/2, 1/4, ... that lowers the loss enough (Armijo), or 0: (P,); the loss there."""
    length, best, least = torch.ones_like(loss), torch.zeros_like(loss), loss
    for _ in range(_HALVINGS):
        factor = length.view(-1, 1, 1)
        value = _value(logits + factor * along, point + factor * direction, labels, ridge)
        better = (best == 0) & (value < loss + 1e-4 * length * slope)
        best, least = torch.where(better, length, best), torch.where(better, value, least)
        if bool((best > 0).all()):
            break
        length = length / 2
    return best, least


def _value(logits: Tensor, point: Tensor, labels: Tensor, ridge: Tensor) -> Tensor:
    """The objective of each problem (P,)."""
    picked = logits.gather(2, labels.unsqueeze(2)).squeeze(2)
    return (logits.logsumexp(2) - picked).mean(1) + (ridge * point.square()).sum((1, 2)) / 2


def _gradient(rows: Tensor, logits: Tensor, point: Tensor, one_hot: Tensor, ridge: Tensor) -> Tensor:
    """Its gradient (P, R, N)."""
    return rows.mT @ (logits.softmax(2) / rows.shape[1] - one_hot) + ridge * point


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each problem (P,)."""
    return (a * b).sum((1, 2))
