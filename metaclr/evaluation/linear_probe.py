"""Fit a linear probe: multinomial logistic regression on standardized features, its penalty chosen by validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.evaluation.train_test_features import held_out_third
from metaclr.heads.logistic_solver import Logistic, fit_logistic

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""L2 penalties to choose from, against a mean cross-entropy on standardized features."""

_PRIOR_IMAGES = 30
"""Images of average variance added to the estimate of each feature's variance."""


@dataclass(frozen=True)
class Probe:
    """A fitted linear probe on raw features: weight (F, N), bias (N,), the penalty and how it was chosen."""

    weight: Tensor
    bias: Tensor
    penalty: float
    description: str

    def scores(self, features: Tensor) -> Tensor:
        """Logits (M, N) of features (M, F)."""
        return features @ self.weight + self.bias


def fit_probe(
    x: Tensor,
    y: Tensor,
    *,
    classes: int,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Probe:
    """Choose the penalty on validation images, or on a held-out third of (x, y); then fit on all of (x, y).

    Args:
        x, y: features (n, F) and labels (n,) in 0..classes-1.
        seed: of the held-out third. Where every class is too small to hold an image out, the penalty is 1 / n, which
            is scikit-learn's C = 1.
        validation: features (v, F) and labels (v,) in 0..classes-1 of a part for choosing.
    """
    if validation is not None and len(validation[0]) and len(penalties) > 1:
        penalty = _best_penalty((x, y), validation, classes, penalties)
        description = f"{penalty:g} (best of {len(penalties)} on the validation part)"
        return _fit(x, y, classes, penalty, description, tolerance=1e-6)
    fit, third = (rows.to(x.device) for rows in held_out_third(y, seed))
    if len(third) and len(penalties) > 1:
        penalty = _best_penalty((x[fit], y[fit]), (x[third], y[third]), classes, penalties)
        description = f"{penalty:g} (best of {len(penalties)} on a held-out third of the training part)"
    else:
        penalty = penalties[0] if len(penalties) == 1 else 1 / len(x)
        description = f"{penalty:g} (fixed)"
    return _fit(x, y, classes, penalty, description, tolerance=1e-6)


def _best_penalty(
    fitted: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], classes: int, penalties: Sequence[float]
) -> float:
    """From strong to weak until validation accuracy falls: weaker penalties take longest and would overfit more."""
    chosen, best = penalties[0], -1.0
    for penalty in sorted(penalties, reverse=True):
        probe = _fit(*fitted, classes, penalty, tolerance=1e-4)
        accuracy = float((probe.scores(validation[0]).argmax(1) == validation[1]).float().mean())
        if accuracy < best:
            break
        if accuracy > best:
            chosen, best = penalty, accuracy
    return chosen


def _fit(x: Tensor, y: Tensor, classes: int, penalty: float, description: str = "", *, tolerance: float) -> Probe:
    """Fit on features standardized by x (n, F) alone, and fold the standardization into weight and bias."""
    mean, variance = x.mean(0), x.var(0, correction=0)
    # The variance of a feature over ten images is mostly noise, so _PRIOR_IMAGES images of average variance are added.
    # On MNIST and Fashion-MNIST, which are targets of no default comparison, 10 to 300 such images are within 0.5
    # points of each other at 5 and 20 labels per class; without them one label per class loses up to 6 points.
    variance = (len(x) * variance + _PRIOR_IMAGES * variance.mean()) / (len(x) + _PRIOR_IMAGES)
    # A feature that varies by rounding alone carries no information.
    inverse = torch.where(variance > (1e-6 * x.abs().amax()) ** 2, variance.rsqrt(), 0)
    fitted: Logistic = fit_logistic(
        ((x - mean) * inverse).unsqueeze(0), y.unsqueeze(0), classes=classes, penalty=penalty, tolerance=tolerance
    )
    weight = inverse.unsqueeze(1) * fitted.weight[0]
    return Probe(weight, fitted.bias[0] - mean @ weight, penalty, description)
