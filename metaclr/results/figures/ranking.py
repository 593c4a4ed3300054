"""The probability that a repetition gives the ranking again, against the number of episodes and of trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDTH, RenderedFigure, finish, legend_below, looks_of
from metaclr.results.scores.ranking import Ranking, rankings
from metaclr.results.scores.repetition import DRAWS, SAFE, Repetition
from metaclr.results.scores.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 3
"""Sources and targets that are drawn; the table has all."""
CURVES = (("a pair, mean over pairs", "mean"), ("the best method", "best"), ("the whole order", "whole"))


def ranking_figures(summary: Summary) -> list[RenderedFigure]:
    """One figure: a row per source and target, the same encoders and new trainings beside each other."""
    from matplotlib.figure import Figure

    found = rankings(summary)[0][:MAX_ROWS]
    if not found:
        return []
    sides = 1 + max(one.seeds // 2 for one in found)
    columns = min(sides, 3)
    figure = Figure(figsize=(WIDTH if columns > 1 else 3.6, 1.75 * len(found) + 0.55), layout="constrained")
    panels = figure.subplots(len(found), columns, squeeze=False, sharex=True, sharey=True)
    look = looks_of([label for label, _ in CURVES])
    several = len({one.column.source for one in found}) > 1
    handles: dict[str, object] = {}
    for row, one in zip(panels, found, strict=True):
        for r, axes in enumerate(row):
            at = [rep for rep in one.repeated if rep.trainings == r]
            for label, name in CURVES if at else ():
                x, y = [rep.episodes for rep in at], [getattr(rep, name) for rep in at]
                style = look[label]
                handles[label] = axes.plot(x, y, color=style.color, marker=style.marker, markersize=3.5)[0]
            _dress(axes, one, r, at, several=several)
    for axes in panels[:, 0]:
        axes.set_ylabel("probability")
    for axes in panels[-1]:
        axes.set_xlabel("episodes")
    legend_below(figure, list(handles.values()), list(handles))
    return [finish(figure, "ranking", "Would a repetition rank the methods alike?", _caption(found))]


def _dress(axes: Axes, one: Ranking, r: int, at: list[Repetition], *, several: bool) -> None:
    axes.set_xscale("log")
    ticks = [rep.episodes for rep in at]
    if ticks:
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks], fontsize=6.5)
    axes.minorticks_off()
    axes.set_ylim(0, 1.03)
    axes.axhline(SAFE, color="#777777", linewidth=0.8, linestyle="--", zorder=1)
    what = "the same encoders" if r == 0 else f"{r} new training{'s' if r > 1 else ''} a side"
    trained = f"{one.column.source} → " if several else ""
    axes.set_title(f"{trained}{one.column.target}\n{one.column.title}; {what}")


def _caption(found: list[Ranking]) -> str:
    counts = sorted({len(one.methods) for one in found})
    seeds = max(one.seeds for one in found)
    trained = (
        f"New trainings: other seeds too ({seeds} stored). "
        if seeds > 1
        else "One training seed, so no new trainings. "
    )
    return (
        "Probability that two comparisons of so many episodes, which share none, agree: on the order of two methods "
        f"(0.5 if they do not differ), on the best of {', '.join(map(str, counts))} trained methods, on their whole "
        f"order. By {DRAWS} random draws of the stored episodes: other episodes of the same pool of classes. {trained}"
        f"Dashed: {SAFE:.0%}. The table has neighbors in the ranking, and what it takes to tell them apart."
    )
