"""The spectrum of each embedding on a log scale, as in the DirectCLR paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metaclr.diagnose.measured import Measured
from metaclr.diagnose.spectrum import COLLAPSED
from metaclr.results.figures.style import WIDTH, LineStyle, RenderedFigure, finish, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-9
"""Shares of the largest variance below this are rounding of float32 features, and are drawn at it."""


def spectrum_figure(measured: Sequence[Measured], looks: dict[str, LineStyle]) -> RenderedFigure:
    """A panel per layer: variance along each principal direction, as a share of the largest; a line per encoder."""
    from matplotlib.figure import Figure

    layers = list(dict.fromkeys(one.layer for one in measured))
    width = WIDTH if len(layers) > 1 else 4.2
    figure = Figure(figsize=(width, 2.9), layout="constrained")
    panels = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    handles: dict[str, object] = {}
    for axes, layer in zip(panels, layers, strict=True):
        handles |= _panel(axes, [one for one in measured if one.layer == layer], looks)
        axes.set_title(layer)
    panels[0].set_ylabel("variance / largest variance")
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        "Variance of unit-norm embeddings along their principal directions, over the largest, on a log scale (Jing et "
        f"al. 2022). Dotted: {COLLAPSED:g}, below which a direction counts as collapsed; a line that ends lower at the "
        f"right has directions that hold nothing. Below {FLOOR:g} there is only float32 rounding."
    )
    return finish(figure, "spectrum", "Spectrum of the embeddings", caption)


def _panel(axes: Axes, measured: Sequence[Measured], looks: dict[str, LineStyle]) -> dict[str, object]:
    handles: dict[str, object] = {}
    longest = 1
    for one in measured:
        how = looks[one.group]
        shares = (one.variances / one.variances[0].clamp(min=1e-30)).clamp(min=FLOOR).tolist()
        dims = int(one.numbers["dimensions"])
        shares += [FLOOR] * (dims - len(shares))
        longest = max(longest, dims)
        (handles[one.group],) = axes.plot(
            range(1, dims + 1), shares, color=how.color, linestyle=how.line, linewidth=1.2, alpha=0.9
        )
    axes.axhline(COLLAPSED, color="#888888", linestyle=":", linewidth=0.9)
    axes.set_yscale("log")
    axes.set_xlim(1, longest)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("principal direction")
    return handles
