"""Intervals, paired differences and corrections: what may be said about a difference between two numbers.

Three sources of spread are kept apart, because they answer different questions: over episodes or test images
(would other draws from this target say the same?), over label subsets, and over training seeds (would training
again say the same?). An interval over episodes shrinks to nothing with their number although the target's
images are finite and shared; `class_bootstrap` is the honest interval over other classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import torch
from torch import Tensor

from episodes import random
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
class Ranking:
    """The best method, those not significantly worse (the best included), and each other's corrected p value."""

    best: str
    ties: frozenset[str]
    p: Mapping[str, float]


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


def best_and_ties(per_item: Mapping[str, Tensor], level: float = 0.05) -> Ranking:
    """Which method has the highest mean, and which are not significantly worse: what a table sets in bold.

    per_item: accuracies by method, each (n,) over the same items, or (S, n) for S training seeds, which are
    averaged first; the test then speaks about these trained encoders, not about training again.
    Paired t tests of the best against each other, Holm-corrected. Raises UserError for none, or unequal items.
    """
    if not per_item:
        raise UserError("there is no method to rank")
    items = {name: values.double().reshape(-1, values.shape[-1]).mean(0) for name, values in per_item.items()}
    best = max(items, key=lambda name: float(items[name].mean()))
    others = [name for name in items if name != best]
    p_values = holm([paired_difference(items[best], items[name]).p for name in others])
    corrected = dict(zip(others, p_values, strict=True))
    return Ranking(best, frozenset({best, *(n for n in others if corrected[n] > level)}), corrected)


def class_bootstrap(correct: Tensor, labels: Tensor, *, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval (low, high) of an accuracy under resampling of whole classes.

    correct (n,) in {0, 1}, labels (n,) int64. Classes are what a few-shot target is a sample of, and images
    of one class succeed and fail together, so this is wider than an interval over images.
    """
    items = _checked(correct, "correctness")
    kinds, index = torch.unique(labels.cpu(), return_inverse=True)
    right = torch.zeros(len(kinds), dtype=torch.float64).index_add_(0, index, items)
    count = torch.bincount(index, minlength=len(kinds)).double()
    cells = torch.arange(draws * len(kinds)).view(draws, -1)
    drawn = random.below(random.key(seed, "class bootstrap"), cells, len(kinds))
    means = right[drawn].sum(1) / count[drawn].sum(1)
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


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
