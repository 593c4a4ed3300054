"""Few-shot accuracy of every method against the label-free numbers of its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDE, LineStyle, RenderedFigure, finish, legend_below, looks, slug
from metaclr.results.scores.geometry import HEADINGS, geometry_by_method, headline_columns, predictors
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIN_DOTS = 3


def geometry_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure per source and target, a panel per number; none where fewer than 3 methods were measured."""
    tasks = headline_columns(summary)
    # Pixels have hundreds of dimensions: their numbers would squeeze all others together.
    learned = [row for row in results.rows if row.encoder not in ("none", "Pixels")]
    drawn = []
    for task in tasks:
        geometry = geometry_by_method(learned, task.source, task.target)
        if sum(m in geometry for m in summary.methods) >= MIN_DOTS:
            name = f"geometry-{slug(task.target)}"
            if len({t.source for t in tasks}) > 1:
                name += f"-from-{slug(task.source)}"
            drawn.append(_figure(results, summary, task, geometry, name))
    return drawn


def _figure(
    results: Results,
    summary: Summary,
    task: TableColumn,
    geometry: Mapping[str, Mapping[str, Sequence[float]]],
    name: str,
) -> RenderedFigure:
    from matplotlib.figure import Figure

    shown = [n for n in HEADINGS if any(n in of for of in geometry.values())]
    columns = 3
    rows = -(-len(shown) // columns)
    methods = [m for m in summary.methods if m in geometry and (m, task) in summary.scores]
    look = looks(results)
    legend = 0.22 * -(-len(methods) // 5) if not summary.families else 0.9
    figure = Figure(figsize=(WIDE, 1.95 * rows + 0.2 + legend), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    correlations = predictors(summary, task, geometry)
    handles: dict[str, object] = {}
    for axes, number in zip(panels.flat, shown, strict=False):
        for method in methods:
            if number in geometry[method]:
                key = summary.families[method] if summary.families else method
                dot = _dot(axes, summary, task, method, geometry[method][number], look[method])
                handles.setdefault(key, dot)
        axes.set_xlabel(HEADINGS[number])
        if number in correlations:
            found = correlations[number]
            axes.set_title(f"Spearman {found.rho:+.2f} (p {found.p:.2g})".replace("-", "−"), fontsize=7.5)
        axes.margins(0.1)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy (%)")
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        f"Accuracy on {task.target}, {task.title}, against numbers of the same features, a mark per method (mean over "
        f"its runs), with the 95 % interval of the accuracy for {scope(summary, [task])}. "
        + (
            f"Above each panel: rank correlation over the {max(c.methods for c in correlations.values())} trained "
            "methods and its p value by permutations; it leaves out untrained (grey). Pixels are not shown. "
            if correlations
            else ""
        )
        + "Tolerance reads labels; the others do not."
    )
    return finish(figure, name, f"Label-free numbers beside accuracy on {task.target}", caption)


def _dot(
    axes: Axes, summary: Summary, task: TableColumn, method: str, values: Sequence[float], look: LineStyle
) -> object:
    score = summary.scores[method, task]
    x = fmean(values)
    axes.errorbar(x, score.value, yerr=score.ci95 or 0, color=look.color, linewidth=0.7, zorder=1)
    return axes.scatter([x], [score.value], color=look.color, marker=look.marker, s=20, linewidths=1.0, zorder=2)
