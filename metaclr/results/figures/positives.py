"""What a positive is worth: accuracy of each source of positives minus that of augmentation, on the same episodes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import WIDE, WIDTH, RenderedFigure, finish
from metaclr.results.scores.contrast import Contrast, Difference, contrasts
from metaclr.results.scores.families import family, holm_corrected
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE = "augmentation"
MIN_SOURCES = 3
"""Sources of positives that a comparison must have for the figure."""

MORE, LESS, UNSURE = "#0173b2", "#de8f05", "#b5b5b5"


def positives_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure, a panel for each source and target; none unless methods differ in their source of positives."""
    sources = {title: facts["positives"] for title, facts in results.about.methods.items() if facts.get("positives")}
    reference = next((title for title, source in sources.items() if source == REFERENCE), None)
    columns = headline_columns(summary)
    if len(sources) < MIN_SOURCES or reference is None or not columns:
        return []
    effects = {column: worth(summary, reference, column) for column in columns}
    return [_figure(summary, reference, effects)]


def headline_columns(summary: Summary) -> list[TableColumn]:
    """Of every source and target the few-shot column with the most ways and the fewest shots."""
    few = [column for column in summary.tasks if column.is_few_shot and column.family == "few-shot"]
    places = groupby(few, key=lambda column: (column.source, column.target))
    return [max(group, key=lambda column: (column.way or 0, -(column.shot or 0))) for _, group in places]


def worth(summary: Summary, reference: str, column: TableColumn) -> dict[str, Difference]:
    """Each method minus the reference, in points; p is corrected over all few-shot columns of the target.

    Raises:
        UserError: scores that cannot be paired (see `contrasts`).
    """
    tasks = [task for task in summary.tasks if family(task) == family(column)]
    found: dict[TableColumn, dict[str, Difference]] = {}
    for task in tasks:
        others = [m for m in summary.methods if m != reference and (m, task) in summary.scores]
        if (reference, task) in summary.scores:
            pairs = [Contrast((summary.scores[m, task],), (summary.scores[reference, task],)) for m in others]
            found[task] = dict(zip(others, contrasts(pairs), strict=True))
    corrected = holm_corrected({task: list(of.values()) for task, of in found.items()})
    return dict(zip(found.get(column, {}), corrected.get(column, []), strict=True))


def _figure(summary: Summary, reference: str, effects: dict[TableColumn, dict[str, Difference]]) -> RenderedFigure:
    from matplotlib.figure import Figure

    means = {m: [of[m].value for of in effects.values() if m in of] for m in summary.methods}
    order = sorted((m for m in means if means[m]), key=lambda m: sum(means[m]) / len(means[m]))
    columns = min(2, len(effects))
    rows = -(-len(effects) // columns)
    size = (WIDE if columns > 1 else WIDTH, rows * (0.75 + 0.21 * len(order)))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    several = len({column.source for column in effects}) > 1
    for axes, (column, of) in zip(panels.flat, effects.items(), strict=False):
        _panel(axes, order, of, summary)
        base = summary.scores[reference, column].value if (reference, column) in summary.scores else float("nan")
        trained = f"{column.source} → " if several else ""
        axes.set_title(f"{trained}{column.target}\n{column.heading}; {reference} {base:.1f} %")
    for axes in panels.flat[len(effects) :]:
        axes.set_visible(False)
    title = f"What a positive is worth: points of accuracy against {reference}"
    return finish(figure, "what-is-a-positive-worth", title, _caption(summary, reference, list(effects)))


def _panel(axes: Axes, order: list[str], of: dict[str, Difference], summary: Summary) -> None:
    for y, method in enumerate(order):
        if method not in of:
            continue
        found = of[method]
        sure = found.significant(LEVEL)
        color: Any = (MORE if found.value > 0 else LESS) if sure else UNSURE
        axes.barh(
            y, found.value, height=0.6, color=color, zorder=2, hatch="///" if method in summary.controls else None
        )
        axes.errorbar(found.value, y, xerr=found.ci95 or 0, color="#333333", linewidth=0.9, capsize=1.8, zorder=3)
        if len(found.seeds) > 1:
            ticks = [y - 0.42] * len(found.seeds)
            axes.scatter(found.seeds, ticks, marker="|", s=14, color="#333333", linewidths=0.7, zorder=3)
    axes.axvline(0, color="#333333", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.07)
    axes.set_xlabel("points")


def _caption(summary: Summary, reference: str, columns: list[TableColumn]) -> str:
    seeds = {len(score.seeds) for column in columns for score in summary.of(column)}
    ticks = " Small ticks below a bar: the training seeds." if max(seeds, default=1) > 1 else " One training seed."
    return (
        f"Accuracy of each method minus that of {reference}, on the same stored episodes, with the 95 % interval of "
        f"the paired difference for {scope(summary, columns)}. Gray: not significant (Holm-corrected over a target's "
        f"few-shot columns). Hatched: a control, which is not trained.{ticks}"
    )
