"""Accuracy by class and what is confused with what, from the predicted class of every inspected image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_MATRIX = 20
"""Classes up to which the whole confusion matrix is shown."""
N_HARDEST = 12
N_PAIRS = 8
MAX_METHODS = 12
"""Methods as columns of the table of hardest classes; of more, the best."""


@dataclass(frozen=True)
class Confusion:
    """How one method's encoder classifies a target, over all its seeds.

    overall: percent. shares (C, C): percent of the images of class i that are given class j, for few classes. pairs:
    (class, given class, percent) of the most frequent confusions; classes by number.
    """

    method: str
    overall: float
    shares: tuple[tuple[float, ...], ...]
    pairs: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class ClassAccuracy:
    """Accuracy by class on one target. table: (row name, percent by column); rows are methods where classes are few.

    Otherwise rows are the hardest classes for the trained methods together, `hardest` by number, and columns are
    methods.
    """

    names: tuple[str, ...]
    images: int
    classes: int
    columns: tuple[str, ...]
    table: tuple[tuple[str, tuple[float, ...]], ...]
    confusions: tuple[Confusion, ...]
    hardest: tuple[int, ...] = ()

    @property
    def has_matrix(self) -> bool:
        """Whether all classes are shown."""
        return self.classes <= MAX_MATRIX


def class_accuracy(results: Results, source: str, target: str) -> ClassAccuracy | None:
    """Of the methods trained on `source`; None where nothing was inspected."""
    import numpy as np

    pictures = results.pictures.targets[target]
    labels = np.asarray(pictures.labels)[pictures.classified]
    predicted = _predicted(results, source, target)
    if not predicted:
        return None
    count = len(pictures.class_names)
    sizes = np.bincount(labels, minlength=count)
    by_class = {
        method: 100 * sum(np.bincount(labels, weights=of == labels, minlength=count) for of in seeds)
        / (len(seeds) * np.maximum(sizes, 1))
        for method, seeds in predicted.items()
    }  # fmt: skip
    confusions = tuple(_confusion(m, labels, seeds, count) for m, seeds in predicted.items())
    if count <= MAX_MATRIX:
        rows = tuple((method, tuple(map(float, of))) for method, of in by_class.items())
        return ClassAccuracy(pictures.class_names, len(labels), count, pictures.class_names, rows, confusions)
    hardest = _hardest(results, sizes, by_class)
    best = {c.method for c in sorted(confusions, key=lambda c: -c.overall)[:MAX_METHODS]}
    columns = tuple(method for method in by_class if method in best)
    rows = tuple((pictures.class_names[i], tuple(float(by_class[m][i]) for m in columns)) for i in hardest)
    return ClassAccuracy(pictures.class_names, len(labels), count, columns, rows, confusions, hardest)


def _predicted(results: Results, source: str, target: str) -> dict[str, list[NDArray[np.integer]]]:
    """The predicted classes of each method, one array per seed, in the order of the tables."""
    runs = dict.fromkeys((row.method, row.run) for row in results.rows if row.source == source)
    found: dict[str, list[NDArray[np.integer]]] = {}
    for method, run in runs:
        if target in results.inspections.get(run, {}):
            found.setdefault(method, []).append(results.inspections[run][target]["predicted"])
    return {method: found[method] for method in results.methods if method in found}


def _confusion(method: str, labels: NDArray[np.integer], seeds: list[NDArray[np.integer]], count: int) -> Confusion:
    import numpy as np

    pairs, times = np.unique(np.concatenate([labels.astype(np.int64) * count + of for of in seeds]), return_counts=True)
    sizes = np.bincount(labels, minlength=count) * len(seeds)
    true, given = pairs // count, pairs % count
    percent = 100 * times / sizes[true]
    wrong = np.flatnonzero(true != given)
    # Of equal shares the larger count first: one image of two is less than ten of twenty.
    wrong = wrong[np.lexsort((-times[wrong], -percent[wrong]))][:N_PAIRS]
    shares = np.zeros((count, count)) if count <= MAX_MATRIX else np.zeros((0, 0))
    if count <= MAX_MATRIX:
        shares[true, given] = percent
    return Confusion(
        method,
        100 * float(times[true == given].sum()) / (len(labels) * len(seeds)),
        tuple(tuple(map(float, row)) for row in shares),
        tuple((int(true[i]), int(given[i]), float(percent[i])) for i in wrong),
    )


def _hardest(results: Results, sizes: NDArray[np.integer], by_class: dict[str, NDArray[np.float64]]) -> tuple[int, ...]:
    """The classes with the lowest accuracy on average over the trained methods, by number."""
    import numpy as np

    trained = [m for m in by_class if m not in results.controls] or list(by_class)
    mean = np.where(sizes > 0, np.mean([by_class[m] for m in trained], axis=0), np.inf)
    return tuple(map(int, np.argsort(mean, kind="stable")[:N_HARDEST]))
