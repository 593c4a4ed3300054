"""Intervals over independent items, paired differences of them, and corrections for their number.

Four sources of spread are kept apart, because they answer different questions: new classes of few-shot tasks
(`new_classes`, `standard_errors`), test images, label subsets, and training seeds. An interval over stored episodes
answers none of them: episodes share the classes and images of their pool, and it shrinks to nothing with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atanh, inf, isfinite, nan, sqrt, tanh

import torch
from torch import Tensor

from metaclr.errors import UserError


@dataclass(frozen=True)
class Interval:
    """A mean, the half-width of its 95 % interval (nan where n = 1), and what it is over."""

    mean: float
    half: float
    n: int


@dataclass(frozen=True)
class Paired:
    """Mean of a - b over the same items, its 95 % half-width, the two-sided p value, and the number of pairs."""

    difference: float
    half: float
    p: float
    n: int


@dataclass(frozen=True)
class SeedSpread:
    """Mean of the seeds' means, standard deviation over seeds (nan for one), and the number of seeds."""

    mean: float
    sd: float
    seeds: int


def student_quantile(degrees: int, probability: float = 0.975) -> float:
    """The Student t quantile; 12.7 at 1 degree of freedom, 1.96 in the limit."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def rank_correlation_interval(rho: float, n: int) -> tuple[float, float]:
    """95 % interval of Spearman's rho, within (-1, 1), over n >= 4 pairs as a sample of such pairs.

    tanh(atanh(rho) ± 1.96 sqrt((1 + rho² / 2) / (n - 3))) (Bonett and Wright 2000, "Sample size requirements for
    estimating Pearson, Kendall and Spearman correlations", doi:10.1007/BF02294183).
    """
    half = 1.959964 * sqrt((1 + rho * rho / 2) / (n - 3))
    return tanh(atanh(rho) - half), tanh(atanh(rho) + half)


def mean_interval(values: Tensor) -> Interval:
    """Mean with a 95 % Student t interval, from values (n,).

    Raises UserError for no value or one that is not finite.
    """
    items = _checked(values, "values")
    n = len(items)
    mean = float(items.mean())
    half = nan if n == 1 else student_quantile(n - 1) * float(items.std()) / sqrt(n)
    return Interval(mean, half, n)


def wilson(correct: float, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's 95 % score interval (low, high) of a proportion, `correct` of `n` (Wilson 1927).

    Never leaves [0, 1] and never has width zero, unlike the normal approximation.
    """
    if n < 1 or not 0 <= correct <= n:
        raise UserError(f"a proportion needs 0 <= correct <= n and n >= 1, not {correct} of {n}")
    share, shrink = correct / n, 1 + z * z / n
    center = (share + z * z / (2 * n)) / shrink
    spread = z / shrink * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, center - spread), min(1.0, center + spread)


def proportion(correct: Tensor) -> Interval:
    """The share of correctness (n,) in {0, 1}, with the wider side of Wilson's interval as half-width."""
    items = _checked(correct, "correctness")
    n, share = len(items), float(items.mean())
    low, high = wilson(min(float(items.sum()), n), n)
    return Interval(share, max(high - share, share - low), n)


def paired_difference(a: Tensor, b: Tensor) -> Paired:
    """Mean of a - b over the same n items (episodes, test images), by the paired t test. a, b: (n,).

    Identical items give p = 1; a constant non-zero difference gives p = 0.
    Raises UserError where the items cannot be pairs.
    """
    from scipy.special import stdtr

    if a.shape != b.shape:
        raise UserError(f"paired items must be the same ones: {tuple(a.shape)} against {tuple(b.shape)}")
    over = mean_interval(a.double().cpu() - b.double().cpu())
    if over.n == 1:
        raise UserError("a paired difference needs at least 2 pairs, not 1")
    error = over.half / student_quantile(over.n - 1)
    # Below the rounding of the float32 items there is no spread, only noise of the subtraction.
    if error < 1e-12:
        return Paired(over.mean, over.half, 1.0 if abs(over.mean) < 1e-12 else 0.0, over.n)
    return Paired(over.mean, over.half, 2 * float(stdtr(over.n - 1, -abs(over.mean) / error)), over.n)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number, in the order given (Holm 1979, step-down): reject where below 0.05."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(order), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def over_seeds(means: Sequence[float]) -> SeedSpread:
    """Mean and standard deviation over training seeds, from one mean per seed; apart from any episode interval."""
    values = _checked(torch.tensor(list(means), dtype=torch.float64), "seed means")
    return SeedSpread(float(values.mean()), nan if len(values) == 1 else float(values.std()), len(values))


def _checked(values: Tensor, what: str) -> Tensor:
    """The values in float64 on the CPU, one axis, at least one, all finite."""
    items = values.detach().double().cpu()
    if items.ndim != 1 or not len(items):
        raise UserError(f"{what}: needs one axis with at least one value, not {tuple(items.shape)}")
    if not isfinite(total := float(items.sum())):
        raise UserError(f"{what}: all must be finite, but their sum is {total if total != inf else 'infinite'}")
    return items
