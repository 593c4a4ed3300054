"""Alignment against uniformity, the plane of Wang and Isola."""

from __future__ import annotations

from collections.abc import Sequence

from metaclr.diagnose.measured import Measured
from metaclr.results.figures.style import WIDTH, LineStyle, RenderedFigure, finish, legend_below


def plane_figure(measured: Sequence[Measured], looks: dict[str, LineStyle]) -> RenderedFigure | None:
    """A panel per layer, a mark per encoder; None where no views were measured."""
    from matplotlib.figure import Figure

    known = [one for one in measured if "alignment" in one.numbers]
    if not known:
        return None
    layers = list(dict.fromkeys(one.layer for one in known))
    figure = Figure(figsize=(WIDTH if len(layers) > 1 else 3.6, 2.9), layout="constrained")
    panels = figure.subplots(1, len(layers), squeeze=False)[0]
    handles: dict[str, object] = {}
    for axes, layer in zip(panels, layers, strict=True):
        for one in known:
            if one.layer == layer:
                how = looks[one.group]
                x, y = one.numbers["uniformity"], one.numbers["alignment"]
                handles[one.group] = axes.scatter([x], [y], color=how.color, marker=how.marker, s=24, linewidths=1.1)
        axes.set_title(layer)
        axes.set_xlabel("uniformity (lower: more even)")
        axes.margins(0.12)
        axes.locator_params(nbins=4)
    panels[0].set_ylabel("alignment (lower: closer)")
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        "Alignment, the mean squared distance of two views of an image, against uniformity, the log of the mean of "
        "exp(-2 distance²) of two images, both on the unit sphere (Wang and Isola 2020). Contrastive learning moves "
        "to the lower left. A mark per run."
    )
    return finish(figure, "alignment-uniformity", "Alignment and uniformity", caption)
