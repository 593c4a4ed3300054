"""Multinomial logistic regression, a batch of problems at once: episodes of a table, or label subsets.

Minimizes  mean cross-entropy(features @ W + b)  +  penalty / 2 * |W|^2  with a free bias, from zero, by L-BFGS
(Liu and Nocedal 1989) whose first metric is the exact Hessian at zero. scikit-learn's C is 1 / (n * penalty).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_HISTORY = 10
_HALVINGS = 12
_MIN_LOG = -80.0  # exp of less is below rounding, and ten times slower on a CPU where it underflows
_MANY_CLASSES = 32  # on a CPU, from here on torch's log-softmax is faster than log-sum-exp and a difference


@dataclass(frozen=True)
class Logistic:
    """P fitted problems: weight (P, F, N) and bias (P, N); steps of the slowest; whether all met the tolerance."""

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
    """Fit P problems at once; a converged problem keeps its solution while the others continue.

    Args:
        features: (P, n, F). labels: int64 (P, n) in 0..classes-1.
        penalty: on the squared weights, against a mean (not a sum) of cross-entropies.
        tolerance: on the squared norm of the gradient, in the metric of the Hessian at zero, relative to the loss.
    """
    center = features.mean(1, keepdim=True)
    rows, back = _fewer_columns(features - center)
    ones = torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], dim=2)
    ridge = torch.full_like(ones[:1, :1].mT, penalty)
    ridge[:, -1] = 0  # the bias is not penalized
    # At zero all classes are equally likely, and the Hessian is this matrix for every class.
    metric = ones.mT @ ones / (ones.shape[1] * classes) + torch.diag_embed(ridge.squeeze(-1))
    metric.diagonal(dim1=1, dim2=2).add_(torch.finfo(rows.dtype).eps * metric.diagonal(dim1=1, dim2=2).amax())
    factor = torch.linalg.cholesky(metric)
    # Invert it once: a product is five to ten times faster than a triangular solve, for one problem as for many.
    identity = torch.eye(factor.shape[-1], dtype=rows.dtype, device=rows.device)
    inverse = torch.linalg.solve_triangular(factor, identity, upper=False)
    solution, taken, converged = _lbfgs(ones, labels, ridge, inverse, classes, steps, tolerance)
    weight = back(solution[:, :-1])
    return Logistic(weight, solution[:, -1] - (center @ weight).squeeze(1), taken, converged)


def _fewer_columns(rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """With fewer examples than features the optimal weights lie in the span of the examples: solve there.

    rows (P, n, F) -> (P, n, min(n, F)) with the same inner products, and a function that maps weights back.
    """
    if rows.shape[1] >= rows.shape[2]:
        return rows, lambda weight: weight
    basis, triangle = torch.linalg.qr(rows.mT)  # rows = triangle' basis'
    return triangle.mT, lambda weight: basis @ weight


def _lbfgs(
    rows: Tensor, labels: Tensor, ridge: Tensor, inverse: Tensor, classes: int, steps: int, tolerance: float
) -> tuple[Tensor, int, bool]:
    """Minimize from zero: solution (P, R, N), steps, converged.

    rows (P, n, R), ridge (1, R, 1), inverse (P, R, R) of the metric's Cholesky factor.
    """
    labels = labels.unsqueeze(2)
    point = rows.new_zeros(rows.shape[0], rows.shape[2], classes)
    logits = rows.new_zeros(*rows.shape[:2], classes)
    loss, log_probabilities = _value(logits, point, labels, ridge)
    gradient = _gradient(rows, log_probabilities, point, labels, ridge)
    moving = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    history: list[_Pair] = []
    for step in range(steps):
        moving &= (inverse @ gradient).square().sum((1, 2)) > tolerance * loss
        if not moving.any():
            return point, step, True
        direction = _two_loops(gradient, history, inverse).neg_()
        along = rows @ direction
        slope = _dot(gradient, direction)
        length, least, log_probabilities = _line_search(logits, along, point, direction, labels, ridge, loss, slope)
        # A problem whose loss no length lowers has converged up to rounding.
        moving &= length > 0
        length = torch.where(moving, length, 0).view(-1, 1, 1)
        moved = length * direction
        point, logits = point + moved, torch.addcmul(logits, length, along)
        loss = torch.where(moving, least, loss)
        before, gradient = gradient, _gradient(rows, log_probabilities, point, labels, ridge)
        history.append(_pair(moved, gradient - before, inverse))
        history = history[-_HISTORY:]
    return point, steps, not bool(moving.any())


class _Pair(NamedTuple):
    """A step, the change of gradient over it, 1 / their product, and the size of the Hessian along it.

    The last two are (P, 1, 1), and 0 for a problem that did not move.
    """

    moved: Tensor
    change: Tensor
    weight: Tensor
    size: Tensor


def _pair(moved: Tensor, change: Tensor, inverse: Tensor) -> _Pair:
    product = _dot(moved, change)
    weight = torch.where(product > 0, 1 / product, 0).view(-1, 1, 1)
    return _Pair(moved, change, weight, weight * (inverse @ change).square().sum((1, 2)).view(-1, 1, 1))


def _two_loops(gradient: Tensor, history: list[_Pair], inverse: Tensor) -> Tensor:
    """The inverse-Hessian estimate times the gradient (Nocedal and Wright 2006, algorithm 7.4)."""
    alphas, rest = [], gradient
    for pair in reversed(history):
        alphas.append(pair.weight * _dot(pair.moved, rest).view(-1, 1, 1))
        rest = torch.addcmul(rest, alphas[-1], pair.change, value=-1)
    rest = inverse.mT @ (inverse @ rest)
    if history:
        size = history[-1].size
        rest = torch.where(size > 0, rest / size, rest)
    for pair, alpha in zip(history, reversed(alphas), strict=True):
        rest = torch.addcmul(rest, alpha - pair.weight * _dot(pair.change, rest).view(-1, 1, 1), pair.moved)
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
) -> tuple[Tensor, Tensor, Tensor]:
    """Per problem, the first of 1, 1/2, 1/4, ... that lowers the loss enough (Armijo), or 0: (P,).

    Returns it with the loss (P,) and the log-probabilities (P, n, N) at that length; both undefined at length 0.
    """
    length, best, least = torch.ones_like(loss), torch.zeros_like(loss), loss
    log_probabilities = logits
    for halving in range(_HALVINGS):
        factor = length.view(-1, 1, 1)
        value, candidate = _value(
            torch.addcmul(logits, factor, along), torch.addcmul(point, factor, direction), labels, ridge
        )
        better = (best == 0) & (value < loss + 1e-4 * length * slope)
        log_probabilities = torch.where(better.view(-1, 1, 1), candidate, log_probabilities) if halving else candidate
        best, least = torch.where(better, length, best), torch.where(better, value, least)
        if bool((best > 0).all()):
            break
        length = length / 2
    return best, least, log_probabilities


def _value(logits: Tensor, point: Tensor, labels: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """The objective of each problem (P,), and the log-probabilities (P, n, N). labels (P, n, 1)."""
    many = logits.shape[2] >= _MANY_CLASSES
    log_probabilities = logits.log_softmax(2) if many else logits - logits.logsumexp(2, keepdim=True)
    cross_entropy = -log_probabilities.gather(2, labels).mean((1, 2))
    return (ridge * point.square()).sum((1, 2)) / 2 + cross_entropy, log_probabilities


def _gradient(rows: Tensor, log_probabilities: Tensor, point: Tensor, labels: Tensor, ridge: Tensor) -> Tensor:
    """Its gradient (P, R, N), from log-probabilities (P, n, N), which are overwritten."""
    minus_one = log_probabilities.new_full((1, 1, 1), -1).expand(labels.shape)
    excess = log_probabilities.clamp_(min=_MIN_LOG).exp_().scatter_add_(2, labels, minus_one)
    return torch.addcmul(rows.mT @ excess / rows.shape[1], ridge, point)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each problem (P,)."""
    return (a * b).sum((1, 2))
