"""The methods of a sweep as series: a base method at the values of the first key, for each value of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from metaclr.evaluation.statistics import student_quantile
from metaclr.results.scores.geometry import geometry_by_method
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

MEASURED = ("uniformity", "tolerance", "rank")
"""Numbers that are drawn beside the accuracy, columns of rows.csv."""
MIN_SEEDS = 3
"""Seeds from which on a number has an interval."""


@dataclass(frozen=True)
class Value:
    """A number at one value of the key: mean, half-width of its 95 % interval (None: none), and one for each seed."""

    mean: float
    half: float | None
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """A method at the values of a key. numbers: "accuracy" and `MEASURED` -> one value for each x, None if missing.

    A constant series has one value that holds at every x: a method that the key does not concern, or a control.
    """

    label: str
    x: tuple[Any, ...]
    numbers: Mapping[str, tuple[Value | None, ...]]
    is_constant: bool = False


def swept_key(results: Results) -> str | None:
    """The first key of the sweep; None for another comparison."""
    return next(iter(results.recipe.get("sweep", {})), None)


def series_of(results: Results, summary: Summary, task: TableColumn) -> list[Series]:
    """Every series of a sweep on one task, in the order of the recipe; the control `untrained` last."""
    key = swept_key(results)
    if key is None:
        return []
    geometry = geometry_by_method(results.rows, task.source, task.target)
    groups: dict[str, list[tuple[Any, str]]] = {}
    constant: dict[str, str] = {}
    for entry in results.recipe.get("methods", ()):
        title = entry.get("label") or entry["name"]
        point = entry.get("point") or {}
        if key in point:
            others = " ".join(f"{k}={v}" for k, v in point.items() if k != key)
            groups.setdefault(" ".join(filter(None, (entry["of"], others))), []).append((point[key], title))
        elif title in summary.methods:
            constant[title] = title
    constant |= {m: m for m in summary.methods if m == "untrained"}
    made = [
        Series(label, tuple(x for x, _ in at), _numbers(summary, task, geometry, [title for _, title in at]))
        for label, at in groups.items()
    ]
    made += [Series(m, (), _numbers(summary, task, geometry, [m]), is_constant=True) for m in constant]
    return [one for one in made if any(v is not None for v in one.numbers["accuracy"])]


def _numbers(
    summary: Summary, task: TableColumn, geometry: Mapping[str, Mapping[str, Sequence[float]]], titles: Sequence[str]
) -> dict[str, tuple[Value | None, ...]]:
    scores = [summary.scores.get((title, task)) for title in titles]
    found: dict[str, tuple[Value | None, ...]] = {
        "accuracy": tuple(None if s is None else Value(s.value, s.ci95, s.values) for s in scores)
    }
    for name in MEASURED:
        found[name] = tuple(_over_seeds(geometry.get(title, {}).get(name, ())) for title in titles)
    return found


def _over_seeds(values: Sequence[float]) -> Value | None:
    """The mean over training seeds with its 95 % Student t interval, from three seeds on."""
    if not values:
        return None
    count = len(values)
    half = student_quantile(count - 1) * stdev(values) / count**0.5 if count >= MIN_SEEDS else None
    return Value(fmean(values), half, tuple(values))


def sweep_headlines(results: Results, summary: Summary, task: TableColumn) -> list[str]:
    """A sentence for each series, computed: where accuracy is highest, and how the geometry moves from end to end."""
    key = swept_key(results)
    lines = []
    series = series_of(results, summary, task)
    for one in series:
        if one.is_constant or len(one.x) < 2:
            continue
        known = [(x, v) for x, v in zip(one.x, one.numbers["accuracy"], strict=True) if v is not None]
        best = max(known, key=lambda pair: pair[1].mean)
        text = (
            f"{one.label}: accuracy on {task.target}, {task.title}, is highest at {key} = {best[0]} "
            f"({best[1].mean:.1f} %)"
        )
        moves = []
        for name, word in (("uniformity", "uniformity"), ("tolerance", "tolerance"), ("rank", "RankMe")):
            first, last = one.numbers[name][0], one.numbers[name][-1]
            if first is not None and last is not None:
                moves.append(f"{word} from {first.mean:.3g} to {last.mean:.3g}")
        lines.append(f"{text}; from {key} = {one.x[0]} to {one.x[-1]}: {', '.join(moves)}." if moves else f"{text}.")
        lines += [_overtaking(one, other, key) for other in series if other.is_constant and other.label != "untrained"]
    return [line for line in lines if line]


def _overtaking(one: Series, other: Series, key: str | None) -> str:
    """From which value on a series is above a method that the key does not concern."""
    level = other.numbers["accuracy"][0]
    above = [
        (x, v.mean > level.mean)
        for x, v in zip(one.x, one.numbers["accuracy"], strict=True)
        if v is not None and level is not None
    ]
    if not above:
        return ""
    if all(flag for _, flag in above):
        return f"{one.label} is above {other.label} at every {key}."
    if not any(flag for _, flag in above):
        return f"{one.label} is below {other.label} at every {key}."
    since = next((x for i, (x, _) in enumerate(above) if all(flag for _, flag in above[i:])), None)
    if since is None:
        return f"{one.label} is above {other.label} at {key} = {', '.join(str(x) for x, flag in above if flag)} only."
    return f"{one.label} is above {other.label} from {key} = {since} on."
