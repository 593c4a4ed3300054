"""Accuracy with intervals: a dot per method, a panel per task, methods sorted."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import WIDE, WIDTH, LineStyle, RenderedFigure, finish, looks, slug
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def accuracy_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure per source and target; low-label tasks have a figure of their own."""
    drawn = []
    places = groupby(summary.tasks, key=lambda t: (t.source, t.target))
    several = len({t.source for t in summary.tasks}) > 1
    for (source, target), group in places:
        tasks = [t for t in group if t.family != "low-label"]
        if tasks:
            title = f"Accuracy on {target}" + (f", trained on {source}" if several else "")
            name = f"accuracy-{slug(target)}" + (f"-from-{slug(source)}" if several else "")
            drawn.append(dot_figure(results, summary, tasks, name, title))
    return drawn


def dot_figure(results: Results, summary: Summary, tasks: list[TableColumn], name: str, title: str) -> RenderedFigure:
    """A dot per method in a panel per task; many methods have the colors of their families."""
    from matplotlib.figure import Figure

    order = _order(summary, tasks)
    many = bool(summary.families)
    columns = min(4, len(tasks)) if many else 2 if len(tasks) == 4 else min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    width = WIDE if many else WIDTH if columns > 1 else 3.4
    height = 0.14 if many else 0.185
    figure = Figure(figsize=(width, rows * (0.68 + height * len(order)) + 0.8 * many), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    look = looks(results)
    chances = []
    for axes, task in zip(panels.flat, tasks, strict=False):
        chance = task.chance(results.about.classes.get(task.target))
        chances.append(chance)
        _panel(axes, summary, task, order, look, chance)
    for axes in panels.flat[len(tasks) :]:
        axes.set_visible(False)
    if many:
        _color_by_family(figure, panels, summary, look)
    return finish(figure, name, title, _caption(results, summary, tasks, any(chances)))


def _color_by_family(figure: Figure, panels: Any, summary: Summary, look: dict[str, LineStyle]) -> None:
    """One color for each family, the names of its methods in it, and a legend below."""
    colors = {summary.families[m]: look[m].color for m in summary.methods}
    dots = [panels.flat[0].scatter([], [], s=15, c=color) for color in colors.values()]
    figure.legend(dots, list(colors), loc="outside lower center", ncols=2, columnspacing=1.2)
    for axes in panels[:, 0]:
        for label in axes.get_yticklabels():
            label.set_color(look[label.get_text()].color)
            label.set_fontsize(6.5)


def _order(summary: Summary, tasks: list[TableColumn]) -> list[str]:
    """Methods by mean accuracy over the panels, worst first (the top of the axis is the last)."""
    means = {}
    for method in summary.methods:
        values = [summary.scores[method, t].value for t in tasks if (method, t) in summary.scores]
        if values:
            means[method] = sum(values) / len(values)
    return sorted(means, key=lambda m: means[m])


def _panel(
    axes: Axes, summary: Summary, task: TableColumn, order: list[str], look: dict[str, LineStyle], chance: float | None
) -> None:
    found = [(y, m, summary.scores[m, task]) for y, m in enumerate(order) if (m, task) in summary.scores]
    # Few artists draw fast: one collection for all intervals, one for all dots, one for all seeds.
    y = [place for place, _, _ in found]
    values = [s.value for _, _, s in found]
    colors = [look[m].color for _, m, _ in found]
    ends = [(s.value - (s.ci95 or 0), s.value + (s.ci95 or 0)) for _, _, s in found]
    axes.hlines(y, [low for low, _ in ends], [high for _, high in ends], colors=colors, linewidth=1.5, zorder=2)
    for side in (0, 1):
        axes.scatter([end[side] for end in ends], y, marker="|", s=22, c=colors, linewidths=1.1, zorder=2)
    # Small, so that the intervals of 2,000 episodes are still seen.
    faces = [color if (m, task) in summary.bold else "white" for color, (_, m, _) in zip(colors, found, strict=True)]
    axes.scatter(values, y, s=15, facecolors=faces, edgecolors=colors, linewidths=1.1, zorder=3)
    seeds = [(v, place - 0.3, c) for (place, _, s), c in zip(found, colors, strict=True) for v in s.values]
    if len(seeds) > len(found):
        axes.scatter(
            [v for v, _, _ in seeds],
            [p for _, p, _ in seeds],
            marker="|",
            s=14,
            c=[c for _, _, c in seeds],
            linewidths=0.8,
        )
    axes.set_title(task.title)
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    # On two lines: one of both is wider than a narrow panel beside long names of methods.
    axes.set_xlabel("accuracy (%)" if chance is None else f"accuracy (%)\nchance {chance:.2g}")
    low, high = axes.get_xlim()
    # Where chance is far to the left, a line there would squeeze the dots; its value stands below the axis.
    if chance is not None and chance > low - 0.3 * (high - low):
        axes.axvline(chance, color="#888888", linestyle=":", linewidth=1)


def _caption(results: Results, summary: Summary, tasks: list[TableColumn], chance: bool) -> str:
    few = sorted({summary.of(t)[0].n for t in tasks if t.family == "few-shot"})
    images = sorted({summary.of(t)[0].n for t in tasks if t.family != "few-shot"})
    over = [f"{', '.join(f'{n:,}' for n in few)} stored episodes"] if few else []
    over += [f"{', '.join(f'{n:,}' for n in images)} test images"] if images else []
    seeds = len({row.seed for row in results.rows})
    one = "" if results.from_elsewhere else "One training seed."
    return " ".join(
        [
            f"Mean accuracy over {' or '.join(over)} with its 95 % interval for {scope(summary, tasks)}; "
            "methods sorted by their mean.",
            f"Small ticks below a dot: the {seeds} training seeds." if seeds > 1 else one,
            "Filled: the best, and those not significantly worse (paired, Holm-corrected)." if summary.bold else "",
            "Dotted line, where chance is near: chance." if chance else "",
            "The axes do not start at zero.",
        ]
    ).replace("  ", " ")
