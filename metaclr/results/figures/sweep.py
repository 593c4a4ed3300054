"""Accuracy, uniformity, tolerance and rank against the value that a sweep varies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import WIDTH, LineStyle, RenderedFigure, finish, legend_below, looks_of, slug
from metaclr.results.scores.geometry import headline_columns
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.sweep import MEASURED, MIN_SEEDS, Series, series_of, swept_key
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {
    "accuracy": "accuracy (%)",
    "uniformity": "uniformity (lower: more even)",
    "tolerance": "tolerance",
    "rank": "RankMe",
}
LOG_RATIO = 8
"""Positive values that span at least this ratio are drawn on a log axis."""


def sweep_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure per source and target of a sweep; none for another comparison."""
    key = swept_key(results)
    if key is None:
        return []
    tasks = headline_columns(summary)
    several = len({t.source for t in tasks}) > 1
    drawn = []
    for task in tasks:
        series = series_of(results, summary, task)
        if any(not one.is_constant for one in series):
            name = f"sweep-{slug(key)}-{slug(task.target)}" + (f"-from-{slug(task.source)}" if several else "")
            drawn.append(_figure(results, summary, task, series, key, name))
    return drawn


def _figure(
    results: Results, summary: Summary, task: TableColumn, series: Sequence[Series], key: str, name: str
) -> RenderedFigure:
    from matplotlib.figure import Figure

    shown = ["accuracy", *(n for n in MEASURED if any(v is not None for one in series for v in one.numbers[n]))]
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(WIDTH, 2.0 * rows + 0.45), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False, sharex=True)
    look = looks_of([one.label for one in series])
    ticks = list(dict.fromkeys(x for one in series for x in one.x))
    places, is_log = _places(ticks)
    handles: dict[str, object] = {}
    for axes, number in zip(panels.flat, shown, strict=False):
        if is_log:
            axes.set_xscale("log")
        for position, one in enumerate(series):
            handles[one.label] = _line(axes, one, number, places, look[one.label], position - len(series) / 2, is_log)
        axes.set_ylabel(LABELS[number])
        axes.set_xticks([places[_key(x)] for x in ticks], [str(x) for x in ticks], fontsize=6.5)
        axes.minorticks_off()
    for axes in panels[-1]:
        axes.set_xlabel(key)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    legend_below(figure, list(handles.values()), list(handles))
    seeds = max((len(v.seeds) for one in series for of in one.numbers.values() for v in of if v is not None), default=1)
    about = (
        f"mean and 95 % t interval over {seeds} training seeds"
        if seeds >= MIN_SEEDS
        else f"mean of {seeds} training seeds, each a small mark"
        if seeds > 1
        else "one training seed"
    )
    caption = (
        f"Against {key}: accuracy on {task.target}, {task.title}, with its 95 % interval for {scope(summary, [task])}; "
        f"and uniformity, tolerance (mean cosine of two images of a class) and RankMe of the features of "
        f"{task.target}: {about}. Dashed, level: what {key} does not concern. Everything else is the same for all."
    )
    return finish(figure, name, f"Accuracy and geometry against {key}, {task.target}", caption)


def _line(
    axes: Axes, one: Series, number: str, places: dict[str, float], look: LineStyle, aside: float, is_log: bool
) -> object:
    """Marks with intervals at the values of a series, a little aside of one another; a level line if constant."""
    values = one.numbers[number]
    if one.is_constant:
        value = values[0]
        if value is None:
            return axes.plot([], [], color=look.color, linestyle="--", linewidth=1.1)[0]
        if value.half:
            axes.axhspan(value.mean - value.half, value.mean + value.half, color=look.color, alpha=0.08, linewidth=0)
        return axes.axhline(value.mean, color=look.color, linestyle="--", linewidth=1.1)
    known = [(places[_key(x)], v) for x, v in zip(one.x, values, strict=True) if v is not None]
    x = [place * 1.012**aside if is_log else place + 0.03 * aside for place, _ in known]
    means = [v.mean for _, v in known]
    halves = [v.half or 0 for _, v in known]
    drawn: Any = axes.errorbar(
        x, means, yerr=halves, color=look.color, linestyle=look.line, marker=look.marker, markersize=3.6,
        linewidth=1.1, elinewidth=0.8, capsize=1.6,
    )  # fmt: skip
    seeds = [(place, v) for place, (_, value) in zip(x, known, strict=True) for v in value.seeds]
    if len(seeds) > len(known):
        axes.scatter([p for p, _ in seeds], [v for _, v in seeds], marker="_", s=12, color=look.color, linewidths=0.7)
    return drawn


def _places(values: Sequence[Any]) -> tuple[dict[str, float], bool]:
    """Where each value stands on the axis, and whether that is a log axis; words and lists stand at equal distances."""
    numeric = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numeric) < len(values) or len(values) < 2:
        return {_key(v): float(i) for i, v in enumerate(values)}, False
    is_log = min(numeric) > 0 and max(numeric) / min(numeric) >= LOG_RATIO
    return {_key(v): float(v) for v in values}, is_log


def _key(value: Any) -> str:
    return repr(value)
