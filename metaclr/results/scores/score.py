"""One method's score on one task: mean over seeds, interval over items, spread over seeds kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.results.scores.few_shot_interval import FewShotInterval, few_shot_intervals
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ITEM_KEYS = ("digest", "fingerprint", "target", "test", "images", "episodes", "query", "split", "subsets", "labels")
"""Keys of a `key=value; ...` protocol that identify the evaluated items; the others may differ by method."""


@dataclass(frozen=True)
class Score:
    """Mean accuracy over training seeds in percent, and its intervals.

    ci95: of few-shot results the half-width for new classes of the same kind, for these trained encoders; from three
    seeds on for new trainings too. Of other results over test images or label subsets. None where undefined: of
    few-shot results `undefined` says why.
    ci95_encoders, ci95_episodes: of few-shot results, for new classes and these trained encoders whatever the number of
    seeds, and over other episodes of the same pool.
    sd: standard deviation over training seeds, None for one seed. values: of each seed.
    items: (S, n) in percent, one row per seed, or None where no per-item results are stored.
    identity: what the items are; two scores with the same one are over the same items.
    classes: (E, N) class ids of the episodes. without: (S, E, N) in percent, where a task uses all classes of its pool.
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
    ci95_encoders: float | None = None
    ci95_episodes: float | None = None
    undefined: str = ""
    classes: NDArray[np.integer[Any]] | None = None
    without: NDArray[np.float64] | None = None


def score(method: str, task: TableColumn, rows: Sequence[Row], results: Results) -> Score:
    """Sum up one method's rows on one task, one row per seed, with what `results` stores beside them.

    Raises:
        UserError: two rows of one seed, seeds evaluated on different items, or items of another row.
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
    items = results.items
    known = [(row, _in_percent(row, items[row.id])) for row in rows if row.id in items]
    identities = {_identity(row, len(array)) for row, array in known}
    if len(identities) > 1:
        raise UserError(f"{method} on {task.target}, {task.title}: seeds were evaluated on different items")
    whole = np.stack([array for _, array in known]) if len(known) == len(rows) else None
    stored = results.episode_classes
    without = None
    if all(row.id in stored.without for row in rows):
        without = np.stack([stored.without[row.id].astype(np.float64) for row in rows])
    spread = over_seeds(values)
    found = Score(
        method=method,
        task=task,
        value=spread.mean,
        ci95=_mean_half(row.ci95 for row in rows),
        sd=spread.sd if spread.seeds > 1 else None,
        seeds=tuple(row.seed for row in rows),
        values=tuple(values),
        n=rows[0].n_items,
        items=whole,
        identity=identities.pop() if identities else (),
        classes=stored.classes.get(rows[0].protocol_pairs.get("digest", "")),
        without=without,
    )
    return _with_few_shot_interval(found, rows) if task.is_few_shot else found


def _with_few_shot_interval(s: Score, rows: Sequence[Row]) -> Score:
    """The intervals of a few-shot score; one seed has those of its row, measured when the episodes were."""
    if len(rows) == 1:
        half, reason = rows[0].ci95, ""
        if half is None:
            reason = _intervals(s).undefined if s.items is not None else "no per-item results are stored"
        return replace(s, ci95_encoders=half, ci95_episodes=rows[0].ci95_episodes, undefined=reason)
    if s.items is None:
        return replace(s, ci95=None, undefined="no per-item results are stored")
    found = _intervals(s)
    return replace(
        s,
        ci95=found.ci95,
        ci95_encoders=found.ci95_encoders,
        ci95_episodes=found.ci95_episodes,
        undefined=found.undefined,
    )


def _intervals(s: Score) -> FewShotInterval:
    import torch

    without = None if s.without is None else torch.from_numpy(s.without).unsqueeze(0)
    return few_shot_intervals(torch.from_numpy(s.items).unsqueeze(0), s.classes, without)[0]


def _mean_half(halves: Iterable[float | None]) -> float | None:
    """The mean of the seeds' half-widths over the same images, None if one is.

    It is never too narrow: standard errors of means over the same items add at most linearly.
    """
    known = list(halves)
    return sum(half for half in known if half is not None) / len(known) if None not in known else None


def _in_percent(row: Row, array: NDArray[np.float32]) -> NDArray[np.float64]:
    """Items in percent, whether stored as 0..1 or 0..100: their mean is the row's value, or they are not its."""
    import numpy as np

    wide = array.astype(np.float64)
    for scale in (100.0, 1.0):
        if abs(scale * wide.mean() - row.value) < 0.06:
            return scale * wide
    raise UserError(f"per-item results of {row.id} have mean {wide.mean():.4g}, but its row says {row.value:.4g}")


def _identity(row: Row, count: int) -> tuple[str, ...]:
    pairs = row.protocol_pairs
    if not pairs:
        return (row.protocol, str(count))
    return (*(f"{key}={pairs[key]}" for key in ITEM_KEYS if key in pairs), str(count))
