"""Standard errors for new classes as slow loops over deleted classes, and the interval that follows by SciPy."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def jackknife(y: list[float], classes: list[list[int]]) -> tuple[float, float, float, float, float]:
    """Mean, corrected standard error and degrees of freedom, raw standard error and degrees of freedom: every class is
    deleted in turn, and the class effects are fitted by least squares on a matrix that is filled entry by entry."""
    ids = sorted({c for task in classes for c in task})
    episodes, count = len(y), len(ids)
    left = {c: [y[e] for e in range(episodes) if c not in classes[e]] for c in ids}
    means = {c: math.fsum(values) / len(values) for c, values in left.items()}
    center = math.fsum(means.values()) / count
    variance = (count - 1) / count * math.fsum((m - center) ** 2 for m in means.values())
    raw = math.sqrt(variance)
    if episodes < 2 * count:
        return math.fsum(y) / episodes, raw, count - 1, raw, count - 1
    matrix = np.zeros((episodes, count))
    for e, task in enumerate(classes):
        for c in task:
            matrix[e, ids.index(c)] += 1
    effects = np.linalg.lstsq(matrix, np.array(y), rcond=None)[0]
    residuals = [y[e] - math.fsum(effects[ids.index(c)] for c in classes[e]) for e in range(episodes)]
    noise = math.fsum(r * r for r in residuals) / (episodes - count)
    excess = (count - 1) / count * math.fsum(1 / len(left[c]) - 1 / episodes for c in ids) * noise
    v = min(variance, max(variance - excess, 0.0) + noise / episodes)
    return math.fsum(y) / episodes, math.sqrt(v), max(1.0, (count - 1) * (v / variance) ** 2), raw, count - 1


def leave_one_way_out(
    y: list[float], without: list[list[float]], classes: list[list[int]]
) -> tuple[float, float, float, float]:
    """Corrected standard error and degrees of freedom, raw standard error and degrees of freedom."""
    episodes, way = len(y), len(classes[0])
    found: dict[int, list[float]] = {}
    for e in range(episodes):
        for j in range(way):
            found.setdefault(classes[e][j], []).append(y[e] - without[e][j])
    count = len(found)
    means = [float(np.mean(g)) for g in found.values()]
    noise = [float(np.var(g, ddof=1)) / len(g) if len(g) > 1 else 0.0 for g in found.values()]
    raw = way**2 / count * float(np.var(means, ddof=1))
    sampled = float(np.var(y, ddof=1)) / episodes
    v = max(raw - way**2 / count * float(np.mean(noise)), 0.0) + sampled
    df = max(1.0, (count - 1) * min(1.0, v / (raw + sampled)) ** 2)
    return math.sqrt(v), df, math.sqrt(raw + sampled), count - 1


def interval(mean: float, *pairs: tuple[float, float]) -> tuple[float, float]:
    """Half-width and p value of the pair (standard error, degrees of freedom) with the narrower interval."""
    half, se, df = min((stats.t.ppf(0.975, df) * se, se, df) for se, df in pairs)
    return float(half), float(2 * stats.t.sf(abs(mean) / se, df))


def over_classes(y: np.ndarray, classes: np.ndarray, seed_means: np.ndarray | None = None) -> tuple[float, float]:
    """Half-width and p value by the jackknife, crossed with training seeds where their means are given."""
    mean, se, df, raw, raw_df = jackknife(y.tolist(), classes.tolist())
    pairs = [(se, df), (raw, raw_df)]
    if seed_means is not None:
        v_seed = float(np.var(seed_means, ddof=1)) / len(seed_means)
        total = [v_seed + one * one for one, _ in pairs]
        pairs = [
            (math.sqrt(v), v * v / (v_seed**2 / (len(seed_means) - 1) + one**4 / of_class))
            for v, (one, of_class) in zip(total, pairs, strict=True)
        ]
    return interval(mean, *pairs)
