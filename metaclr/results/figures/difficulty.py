"""Accuracy of an episode against the similarity of its classes."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDE, WIDTH, LineStyle, RenderedFigure, finish, legend_below, looks
from metaclr.results.scores.difficulty import BINS, Difficulty, Trend, difficulties
from metaclr.results.scores.summary import Summary
from metaclr.results.store.folder import Results
from metaclr.results.tables.difficulty import NOTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

MAX_PANELS = 4
"""Sources and targets that are drawn; the table has all."""
MAX_LINES = 8
"""Methods up to which all are drawn; of more, the best, the median and the worst trained one and the controls."""


def difficulty_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure, a panel for each of the first sources and targets."""
    from matplotlib.figure import Figure

    found = difficulties(results, summary)[0][:MAX_PANELS]
    if not found:
        return []
    look = looks(results)
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    size = (WIDE if columns > 1 else WIDTH * 0.8, 2.1 * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    for axes, one in zip(panels.flat, found, strict=False):
        for trend in _drawn(one, summary):
            handles.setdefault(trend.method, _line(axes, one, trend, look[trend.method]))
        _dress(axes, one)
    for axes in panels.flat[len(found) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy minus its mean (points)")
    legend_below(figure, list(handles.values()), list(handles))
    few = any(len(one.trends) > MAX_LINES for one in found)
    return [finish(figure, "difficulty", "Are episodes of classes that look alike harder?", _caption(few))]


def _drawn(one: Difficulty, summary: Summary) -> Sequence[Trend]:
    if len(one.trends) <= MAX_LINES:
        return one.trends
    value = {t.method: summary.scores[t.method, one.column].value for t in one.trends}
    trained = sorted((t for t in one.trends if t.method not in summary.controls), key=lambda t: -value[t.method])
    chosen = {trained[i].method for i in (0, len(trained) // 2, -1)}
    return [t for t in one.trends if t.method in chosen or t.method in summary.controls]


def _line(axes: Axes, one: Difficulty, trend: Trend, look: LineStyle) -> object:
    mean = fmean(trend.means)
    return axes.errorbar(
        one.centers, [value - mean for value in trend.means], yerr=trend.halves, color=look.color,
        marker=look.marker, linestyle=look.line, markersize=3.5, linewidth=1.0, elinewidth=0.7, capsize=1.5,
    )  # fmt: skip


def _dress(axes: Axes, one: Difficulty) -> None:
    axes.axhline(0, color="#999999", linewidth=0.7, zorder=1)
    axes.set_title(f"{one.column.target}, {one.column.title}")
    axes.set_xlabel("similarity of the classes (mean cosine)")


def _caption(few: bool) -> str:
    return (
        f"Mean accuracy of the episodes in {BINS} bins of similarity, the same number in each, minus the method's "
        f"mean, so that slopes can be compared, with the 95 % interval over episodes of this pool. {NOTE} Correlations "
        "are in the table."
        + (" Drawn: the best, the median and the worst trained method, and the controls." if few else "")
    )
