"""One method's score on one task: mean over seeds, interval over items, spread over seeds kept apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

ITEM_KEYS = ("digest", "fingerprint", "target", "test", "images", "episodes", "query", "split", "subsets", "labels")
"""Keys of a `key=value; ...` protocol that say which items were judged; the others may differ by method."""


@dataclass(frozen=True)
class Score:
    """Percent. `ci95` is over the n items, `sd` over training seeds (None for one seed); never mixed.

    items: (S, n) in percent, one row per seed, or None where no per-item results are stored.
    identity: what the items are; two scores with the same one are over the same items.
    """

    method: str
    task: TableColumn
    value: float
    ci95: float | None
    sd: float | None
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    n: int
    items: NDArray[np.float64] | None
    identity: tuple[str, ...]


def score(method: str, task: TableColumn, rows: Sequence[Row], items: Mapping[str, NDArray[np.float32]]) -> Score:
    """Sum up one method's rows on one task, one row per seed.

    Raises:
        UserError: two rows of one seed, seeds judged on different items, or items that are not the row's.
    """
    import numpy as np

    from metaclr.evaluation.statistics import over_seeds

    rows = sorted(rows, key=lambda row: row.seed)
    for one, other in pairwise(rows):
        if one.seed == other.seed:
            raise UserError(
                f"{method} on {task.target}, {task.title}: runs {one.run!r} and {other.run!r} both have seed {one.seed}"
            )
    values = [row.value for row in rows]
    known = [(row, _in_percent(row, items[row.id])) for row in rows if row.id in items]
    found = {_identity(row, len(array)) for row, array in known}
    if len(found) > 1:
        raise UserError(f"{method} on {task.target}, {task.title}: seeds were judged on different items")
    whole = np.stack([array for _, array in known]) if len(known) == len(rows) else None
    spread = over_seeds(values)
    return Score(
        method=method,
        task=task,
        value=spread.mean,
        ci95=_interval(rows, whole),
        sd=spread.sd if spread.seeds > 1 else None,
        seeds=tuple(row.seed for row in rows),
        values=tuple(values),
        n=rows[0].n_items,
        items=whole,
        identity=found.pop() if found else (),
    )


def _interval(rows: Sequence[Row], items: NDArray[np.float64] | None) -> float | None:
    """Half-width in percent points.

    One seed: the row's own. Several: Student t over the episodes, each averaged over seeds. Elsewhere (test
    images, label subsets) the mean of the seeds' half-widths, which is never too narrow: standard errors of
    means over the same items add at most linearly.
    """
    halves = [row.ci95 for row in rows if row.ci95 is not None]
    if len(halves) < len(rows):
        return None
    if len(rows) > 1 and items is not None and rows[0].way is not None and rows[0].shot is not None:
        import torch

        from metaclr.evaluation.statistics import mean_interval

        return mean_interval(torch.from_numpy(items.mean(0))).half
    return sum(halves) / len(halves)


def _in_percent(row: Row, array: NDArray[np.float32]) -> NDArray[np.float64]:
    """Items in percent, whether stored as 0..1 or 0..100: their mean is the row's value, or they are not its."""
    import numpy as np

    wide = array.astype(np.float64)
    for scale in (100.0, 1.0):
        if abs(scale * wide.mean() - row.value) < 0.06:
            return scale * wide
    raise UserError(f"per-item results of {row.id} have mean {wide.mean():.4g}, but its row says {row.value:.4g}")


def _identity(row: Row, count: int) -> tuple[str, ...]:
    pairs = dict(re.findall(r"\s*([^=;]+?)\s*=\s*([^;]*)", row.protocol.split(": ", 1)[-1]))
    if not pairs:
        return (row.protocol, str(count))
    return (*(f"{key}={pairs[key].strip()}" for key in ITEM_KEYS if key in pairs), str(count))
