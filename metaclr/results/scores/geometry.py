"""The geometry of every method's features on a target, and which number goes with accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from metaclr.results.store.rows import Row

HEADINGS = {
    "alignment": "alignment",
    "uniformity": "uniformity",
    "rank": "RankMe",
    "lidar": "LiDAR",
    "spread": "spread",
    "tolerance": "tolerance",
}
"""Columns of rows.csv, and their names in tables and figures."""

MEANINGS = (
    "alignment: mean squared distance of two views of an image; uniformity: log of the mean of exp(-2 distance²) of "
    "two images; both of the features on the unit sphere, lower is closer and more even (Wang and Isola 2020).",
    "RankMe: exp of the entropy of the singular values of the features (Garrido et al. 2023). LiDAR: rank of the "
    "directions in which images differ by more than their views (Thilak et al. 2024). spread: sqrt(D) times the mean "
    "standard deviation of a dimension on the unit sphere, 0 at one point.",
    "tolerance: mean cosine of two images of a class (Wang and Liu 2021), the only one that reads labels.",
)

MIN_METHODS = 5
"""Trained methods from which on a rank correlation is shown."""


def geometry_by_method(rows: Iterable[Row], source: str, target: str) -> dict[str, dict[str, tuple[float, ...]]]:
    """Method -> name -> one value for each seed, in the order of the seeds; methods without a number are left out."""
    runs = {(row.method, row.seed): row for row in rows if (row.source, row.target) == (source, target)}
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for method in dict.fromkeys(method for method, _ in runs):
        of = [row for (name, _), row in sorted(runs.items(), key=lambda item: item[0][1]) if name == method]
        values = {name: tuple(v for row in of if (v := getattr(row, name)) is not None) for name in HEADINGS}
        if any(values.values()):
            found[method] = {name: v for name, v in values.items() if v}
    return found


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of a number with accuracy over methods; p of the permutation test."""

    rho: float
    p: float
    methods: int


def predictors(summary: Summary, task: TableColumn, geometry: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[
    str, RankCorrelation
]:  # fmt: skip
    """The rank correlation of each number with the accuracy of a task over trained methods, by name.

    Empty for fewer than `MIN_METHODS`. Values are means over seeds. Controls are left out: they differ from every
    method in more than the loss.
    """
    methods = [s.method for s in summary.of(task) if s.method not in summary.controls and s.method in geometry]
    found = {}
    for name in HEADINGS:
        of = [m for m in methods if name in geometry[m]]
        if len(of) >= MIN_METHODS:
            values = [fmean(geometry[m][name]) for m in of]
            found[name] = rank_correlation(values, [summary.scores[m, task].value for m in of])
    return found


def rank_correlation(values: Sequence[float], accuracies: Sequence[float]) -> RankCorrelation:
    """Spearman's rho, and the two-sided p value by permutations: all of them up to 7 methods, 9,999 beyond."""
    return _rank_correlation(tuple(values), tuple(accuracies))


@lru_cache
def _rank_correlation(values: tuple[float, ...], accuracies: tuple[float, ...]) -> RankCorrelation:
    # The table in each of its formats, its figure and the report ask for the same ones.
    import numpy as np
    from scipy.stats import permutation_test, rankdata

    x, y = rankdata(values), rankdata(accuracies)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(0.0, 1.0, len(x))
    unit = (y - y.mean()) / np.linalg.norm(y - y.mean()) / np.linalg.norm(x - x.mean())

    def rho(order: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(np.moveaxis(order, axis, -1) @ unit)

    found = permutation_test(
        (x,), rho, vectorized=True, permutation_type="pairings", n_resamples=9999, rng=np.random.default_rng(0)
    )
    return RankCorrelation(float(rho(x)), float(found.pvalue), len(x))


def headline_columns(summary: Summary) -> list[TableColumn]:
    """For each source and target the few-shot task with the most ways and the fewest shots, by cosine if possible."""
    found: dict[tuple[str, str], TableColumn] = {}
    for task in summary.tasks:
        if task.family == "few-shot":
            best = found.get((task.source, task.target))
            key = (task.way or 0, -(task.shot or 0), "cosine" in task.evaluator)
            if best is None or key > (best.way or 0, -(best.shot or 0), "cosine" in best.evaluator):
                found[task.source, task.target] = task
    return list(found.values())


def collapsed_runs(results: Results, below: float = 0.02) -> list[str]:
    """Runs whose features of a target all have nearly one direction, in a line each."""
    found: dict[tuple[str, str], float] = {}
    for row in results.rows:
        if row.spread is not None and row.spread < below:
            found[row.run, row.target] = row.spread
    return [
        f"{run} has collapsed: its features of {target} all have nearly one direction (spread {spread:.2g}; even: 1)."
        for (run, target), spread in found.items()
    ]
