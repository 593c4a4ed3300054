"""Are episodes of classes that look alike harder? Accuracy of an episode against the similarity of its classes."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt, tanh
from typing import TYPE_CHECKING, Any

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn, table_column_of
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 6
"""Bins with the same number of episodes each."""


@dataclass(frozen=True)
class Trend:
    """One method: mean accuracy of each bin with its 95 % half-width over episodes, and Pearson's correlation.

    correlation, low, high: None where the accuracies do not vary; low and high also where no class can be left out.
    """

    method: str
    means: tuple[float, ...]
    halves: tuple[float, ...]
    correlation: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difficulty:
    """The trends of all methods on one column. centers: mean similarity of each bin."""

    column: TableColumn
    episodes: int
    centers: tuple[float, ...]
    trends: tuple[Trend, ...]


def difficulties(results: Results, summary: Summary) -> tuple[list[Difficulty], str]:
    """One for each source and target; and why there is none for any, or ''.

    On the few-shot column with the most ways and the fewest shots of those whose episodes differ in their classes.
    """
    stored = results.episode_classes.similarity
    digests = {
        (row.method, table_column_of(row)): row.protocol_pairs.get("digest", "")
        for row in results.rows
        if row.shot is not None
    }
    chosen: dict[tuple[str, str], tuple[TableColumn, str]] = {}
    for column in summary.tasks:
        of = {digests.get((s.method, column), "") for s in summary.of(column) if s.items is not None}
        if column.family == "few-shot" and len(of) == 1 and of <= set(stored):
            best = chosen.get((column.source, column.target))
            if best is None or _rank(column) > _rank(best[0]):
                chosen[column.source, column.target] = column, of.pop()
    found = []
    for column, digest in chosen.values():
        scores = [s for s in summary.of(column) if s.items is not None and s.classes is not None]
        accuracies = {s.method: s.items.mean(0) for s in scores if s.items is not None}
        classes = next((s.classes for s in scores), None)
        if classes is not None:
            found.append(_difficulty(column, stored[digest], classes, accuracies))
    reason = "the similarity of the classes is not stored: few episodes, or all with the same classes"
    return found, "" if found else reason


def _rank(column: TableColumn) -> tuple[int, int, bool]:
    """Larger for more ways, then fewer shots, then cosine prototypes."""
    return column.way or 0, -(column.shot or 0), column.variant in ("", "cosine")


def _difficulty(
    column: TableColumn,
    similarity: NDArray[Any],
    classes: NDArray[Any],
    accuracies: dict[str, NDArray[np.float64]],
) -> Difficulty:
    import numpy as np

    from metaclr.evaluation.statistics import student_quantile

    x = similarity.astype(np.float64)
    bins = np.array_split(x.argsort(kind="stable"), BINS)
    y = np.stack(list(accuracies.values()))  # (M, E)
    means = np.stack([y[:, of].mean(1) for of in bins], 1)
    halves = np.stack(
        [student_quantile(len(of) - 1) * y[:, of].std(1, ddof=1) / sqrt(len(of)) for of in bins], 1
    )  # fmt: skip
    found = correlations(x, y, classes)
    trends = [Trend(method, tuple(means[i]), tuple(halves[i]), *found[i]) for i, method in enumerate(accuracies)]
    return Difficulty(column, len(x), tuple(float(x[of].mean()) for of in bins), tuple(trends))


def correlations(
    x: NDArray[np.float64], y: NDArray[np.float64], classes: NDArray[Any]
) -> list[tuple[float | None, float | None, float | None]]:
    """Pearson's correlation of x (E,) with each row of y (M, E), and its 95 % interval for new classes.

    By the delete-one-class jackknife of Fisher's z = atanh(correlation), C - 1 degrees of freedom, as for accuracies
    (`metaclr.evaluation.class_jackknife`, without its correction for sampled episodes: a little too wide).

    Args:
        classes: (E, N) ids; copies of a class have one id.
    """
    import numpy as np

    from metaclr.evaluation.statistics import student_quantile

    ids, index = np.unique(classes, return_inverse=True)
    holds = np.zeros((len(x), len(ids)))
    holds[np.arange(len(x))[:, None], index.reshape(classes.shape)] = 1
    left = 1 - holds
    u, v = (x - x.mean())[None], y - y.mean(1, keepdims=True)

    def z_of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        n = weights.sum(0)
        mean_u, mean_v = u @ weights / n, v @ weights / n
        covariance = (u * v) @ weights / n - mean_u * mean_v
        spread = (u * u @ weights / n - mean_u**2) * (v * v @ weights / n - mean_v**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: NDArray[np.float64] = np.arctanh(np.clip(covariance / np.sqrt(spread), -1 + 1e-12, 1 - 1e-12))
        return ratio

    whole = z_of(np.ones((len(x), 1)))[:, 0]
    found: list[tuple[float | None, float | None, float | None]] = []
    can_leave_out = float(left.sum(0).min()) >= 3
    without = z_of(left) if can_leave_out else None
    for i, z in enumerate(whole):
        if not np.isfinite(z):
            found.append((None, None, None))
        elif without is None or not np.isfinite(without[i]).all():
            found.append((tanh(z), None, None))
        else:
            count = len(ids)
            error = sqrt((count - 1) / count * float(((without[i] - without[i].mean()) ** 2).sum()))
            half = student_quantile(count - 1) * error
            found.append((tanh(z), tanh(z - half), tanh(z + half)))
    return found
