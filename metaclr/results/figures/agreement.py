"""A map of rank correlations: which evaluators rank the methods alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDE, WIDTH, RenderedFigure, finish, slug
from metaclr.results.scores.agreement import Agreement, agreements
from metaclr.results.scores.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_SOURCES = 2
"""Sources that are drawn; the table has all."""


def agreement_figures(summary: Summary) -> list[RenderedFigure]:
    """One figure a source, for the first `MAX_SOURCES`."""
    found, _ = agreements(summary)
    return [_figure(one, several=len(found) > 1) for one in found[:MAX_SOURCES] if len(one.labels) > 2]


def _figure(one: Agreement, *, several: bool) -> RenderedFigure:
    from matplotlib.figure import Figure

    count = len(one.labels)
    beside = 0.35 + 0.062 * max(map(len, one.labels))
    side = beside + 0.44 * count
    figure = Figure(
        figsize=(min(WIDE, max(side, 3.6)), min(WIDTH, 0.32 * count + 0.7 * beside + 0.4)), layout="constrained"
    )
    axes = figure.subplots()
    _map(axes, one)
    name = "evaluators" + (f"-from-{slug(one.source)}" if several else "")
    caption = (
        f"Spearman's rank correlation of evaluators over the {one.methods} trained methods"
        + (f" (source {one.source})" if several else "")
        + ", controls left out: 1, both rank them alike; 0, one says nothing about the other. Intervals, wide "
        "for so few methods, are in the table."
    )
    return finish(figure, name, "Do evaluators rank the methods alike?", caption)


def _map(axes: Axes, one: Agreement) -> None:
    import numpy as np
    import seaborn as sns

    rho = np.array([[np.nan if a.rho is None else a.rho for a in row] for row in one.agreements])
    hidden = np.isnan(rho) | np.triu(np.ones_like(rho, dtype=bool))
    count = len(rho)
    sns.heatmap(
        rho[1:, :-1], ax=axes, mask=hidden[1:, :-1], vmin=-1, vmax=1, cmap="PuOr", annot=True, fmt=".2f",
        linewidths=0.6, annot_kws={"fontsize": 6.5}, xticklabels=one.labels[:-1], yticklabels=one.labels[1:],
        cbar_kws={"label": "rank correlation", "shrink": 0.8, "pad": 0.02},
    )  # fmt: skip
    axes.tick_params(axis="both", length=0, labelsize=7)
    for label in axes.get_xticklabels():
        label.set(rotation=35 if count > 2 else 0, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", rotation=0)
    axes.grid(False)
