"""Linear probe: multinomial logistic regression on frozen features, its regularizer chosen without the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.evaluation.logistic import Logistic, fit_logistic
from metaclr.evaluation.measurement import Measurement, join, of_images
from metaclr.evaluation.train_test_features import held_out_third, parts

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Tried from the strongest to the weakest; each against a mean cross-entropy, on standardised features."""

_PRIOR = 30
"""Images of average variance that every feature's variance counts with."""


@dataclass(frozen=True)
class Probe:
    """A fitted linear probe on raw features: weight (F, N), bias (N,), and how the penalty was chosen."""

    weight: Tensor
    bias: Tensor
    penalty: float
    said: str

    def scores(self, features: Tensor) -> Tensor:
        """Logits (M, N) of features (M, F)."""
        return features @ self.weight + self.bias


def linear(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    *,
    target: str,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    labels: str = "",
    protocol: str = "",
) -> list[Measurement]:
    """Test accuracy of a linear probe, with a Wilson interval over the test images.

    Args:
        x, y: training features (n, F) and labels (n,). x_test, y_test: those of the test part.
        seed: of the held-out third of the training part that chooses the penalty.

    Raises:
        UserError: empty or unfitting parts, or one class only.
    """
    data = parts(x, y, x_test, y_test)
    probe = fit_probe(data.x, data.y, classes=data.classes, penalties=penalties, seed=seed)
    correct = probe.scores(data.x_test).argmax(1) == data.y_test
    said = join(protocol, head="logistic regression on standardised features", penalty=probe.said)
    return [of_images("linear", correct, target=target, way=data.classes, labels=labels, protocol=said)]


def fit_probe(x: Tensor, y: Tensor, *, classes: int, penalties: Sequence[float] = PENALTIES, seed: int = 0) -> Probe:
    """Choose the penalty on a held-out third of (x, y), then fit on all. x (n, F), y (n,) in 0..classes-1.

    Where a class is too small to hold anything out, the penalty is 1 / n: scikit-learn's C = 1.
    """
    fit, held = held_out_third(y, seed)
    if len(held) and len(penalties) > 1:
        penalty = _best_penalty(x, y, fit.to(x.device), held.to(x.device), classes, penalties)
        said = f"{penalty:g} (best of {len(penalties)} on a held-out third of the training part)"
    else:
        penalty = penalties[0] if len(penalties) == 1 else 1 / len(x)
        said = f"{penalty:g} (fixed)"
    return _fit(x, y, classes, penalty, said, tolerance=1e-6)


def _best_penalty(x: Tensor, y: Tensor, fit: Tensor, held: Tensor, classes: int, penalties: Sequence[float]) -> float:
    """From strong to weak, until the held-out accuracy falls: weaker ones take longest and would overfit more."""
    chosen, best = penalties[0], -1.0
    for penalty in sorted(penalties, reverse=True):
        probe = _fit(x[fit], y[fit], classes, penalty, tolerance=1e-4)
        accuracy = float((probe.scores(x[held]).argmax(1) == y[held]).float().mean())
        if accuracy < best:
            break
        if accuracy > best:
            chosen, best = penalty, accuracy
    return chosen


def _fit(x: Tensor, y: Tensor, classes: int, penalty: float, said: str = "", *, tolerance: float) -> Probe:
    """Fit on features standardised by x (n, F) alone, and return the probe on raw features."""
    mean, variance = x.mean(0), x.var(0, correction=0)
    # The variance of a feature over ten images is mostly noise: it counts with _PRIOR images of average variance
    # On MNIST and Fashion-MNIST, which no default comparison is judged on, 10 to 300 such images are level within
    # 0.5 points at 5 and 20 labels per class; none at all loses up to 6 points at one label per class.
    variance = (len(x) * variance + _PRIOR * variance.mean()) / (len(x) + _PRIOR)
    # Where nothing but rounding differs there is nothing to learn from.
    inverse = torch.where(variance > (1e-6 * x.abs().amax()) ** 2, variance.rsqrt(), 0)
    fitted: Logistic = fit_logistic(
        ((x - mean) * inverse).unsqueeze(0), y.unsqueeze(0), classes=classes, penalty=penalty, tolerance=tolerance
    )
    weight = inverse.unsqueeze(1) * fitted.weight[0]
    return Probe(weight, fitted.bias[0] - mean @ weight, penalty, said)
