"""All measurements of `metaclr bench`, within a budget of seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from episodes import TaskShape
from metaclr.environment import describe
from metaclr.errors import UserError
from metaclr.measure.few_shot import few_shot
from metaclr.measure.index_tables import index_tables
from metaclr.measure.memory import peak_bytes
from metaclr.measure.timing import Side, Spread, interleaved, ratio, spread
from metaclr.measure.training import training
from metaclr.measure.views import views
from metaclr.measure.workload import Workload

TABLES, EVALUATED = TaskShape(5, 1, 15), TaskShape(5, 5, 15)

# Relative duration of a turn of each side; engine and ceiling need long turns.
_SHARES = {"index_tables": 1.0, "views": 1.0, "few_shot": 1.0, "training": 2.0}
_TURNS = 3 + 2 * 2  # in units of _SHARES: three sides of one, engine and ceiling of two each


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    what: str
    unit: str
    spread: Spread


def measure_all(
    load: Workload, *, seconds: float = 30.0, repeats: int = 5, notify: Callable[[str], None] = lambda _: None
) -> tuple[list[Figure], dict[str, Any]]:
    """The figures, and all measurements, settings and versions as plain values for JSON.

    Args:
        seconds: approximate duration of all turns together, without start-up.
        notify: called with the name of the next measurement.

    Raises:
        UserError: seconds or repeats that are not above 0, or a workload that cannot be built.
    """
    if not seconds > 0 or repeats < 1:
        raise UserError(f"seconds = {seconds:g} and repeats = {repeats} must be above 0")
    unit = seconds / _TURNS / (repeats + 1)  # each side has one warm-up turn
    features = int(load.learner(1).encoder.features)  # type: ignore[arg-type]
    sides: Mapping[str, Side] = {
        "index_tables": index_tables(unit * _SHARES["index_tables"], TABLES),
        "views": views(load, unit * _SHARES["views"]),
        "few_shot": few_shot(features, unit * _SHARES["few_shot"], load.device, shape=EVALUATED),
    }
    notify("index tables, views and few-shot episodes")
    rates = interleaved(sides, repeats)
    notify(f"training {load.encoder} and its ceiling")
    rates |= training(load, unit * _SHARES["training"], repeats)
    figures = _figures(load, rates, features)
    return figures, _report(load, figures, rates, seconds)


def _figures(load: Workload, rates: Mapping[str, list[float]], features: int) -> list[Figure]:
    picture = f"{load.channels}x{load.size}x{load.size}"
    batch = f"{load.encoder}, {picture}, batch of {load.batch_views} views"
    return [
        Figure("index_tables", "index tables, 5-way 1-shot 15-query", "tables/s", spread(rates["index_tables"])),
        Figure("views", f"augmented views, {load.views}, {picture}", "views/s", spread(rates["views"])),
        Figure("training", f"training, {batch}", "views/s", spread(rates["engine"])),
        Figure("ceiling", "ceiling: network and optimizer on random tensors", "views/s", spread(rates["ceiling"])),
        Figure("share", "share of the ceiling", "%", _percent(ratio(rates["engine"], rates["ceiling"]))),
        Figure(
            "few_shot", f"5-way 5-shot episodes, {features} cached features", "episodes/s", spread(rates["few_shot"])
        ),
    ]


def _percent(share: Spread) -> Spread:
    return Spread(100 * share.median, 100 * share.low, 100 * share.high, share.n)


def _report(load: Workload, figures: list[Figure], rates: Mapping[str, list[float]], seconds: float) -> dict[str, Any]:
    from metaclr.engine.precision import compute_dtype

    return {
        "benchmark": "metaclr bench",
        "figures": {f.name: {"what": f.what, "unit": f.unit, **asdict(f.spread)} for f in figures},
        "rates": {name: [round(value, 3) for value in values] for name, values in rates.items()},
        "peak_bytes": peak_bytes(load.device),
        "workload": {**asdict(load), "device": str(load.device)},
        "computed_in": str(compute_dtype(load.precision, load.device)).removeprefix("torch."),
        "compiled": load.compiles,
        "seconds": seconds,
        "environment": describe(load.device),
    }
