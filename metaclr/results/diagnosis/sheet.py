"""Sheets of nearest neighbors: queries at the left, the most similar images beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metaclr.diagnose.measured import Measured
from metaclr.results.diagnosis.similarity import first_of_groups, title_of
from metaclr.results.figures.style import RenderedFigure, finish

if TYPE_CHECKING:
    from episodes import ImageSet

PANELS = 6
SAME, OTHER = "#0173b2", "#de8f05"


def neighbor_figure(measured: Sequence[Measured], images: ImageSet, asked: Sequence[int]) -> RenderedFigure | None:
    """A sheet for up to 6 encoders. asked: indices of the queries. None where no neighbors were looked for."""
    from matplotlib.figure import Figure

    chosen = [one for one in first_of_groups(measured) if one.neighbors is not None][:PANELS]
    if not chosen:
        return None
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    first = chosen[0].neighbors
    assert first is not None
    high, wide = first.shape[0], first.shape[1] + 1
    figure = Figure(figsize=(3.5 * columns, rows * (3.5 * high / (wide + 0.4) + 0.3)), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, one in zip(panels.flat, chosen, strict=False):
        _sheet(axes, one, images, asked)
        axes.set_title(title_of(one, measured), fontsize=7.5)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    caption = (
        "Left of each sheet: a query. Beside it: the images with the largest cosine to it, most similar first, the "
        "same queries for every encoder."
        + (" Solid blue frame: of its class; dashed orange frame: of another." if images.labels is not None else "")
    )
    return finish(figure, "neighbors", "Nearest neighbors", caption)


def _sheet(axes: Any, one: Measured, images: ImageSet, asked: Sequence[int]) -> None:
    from matplotlib.patches import Rectangle

    assert one.neighbors is not None
    labels = None if images.labels is None else images.required_labels()
    gap = 0.4
    for row, (query, found) in enumerate(zip(asked, one.neighbors.tolist(), strict=True)):
        for column, image in enumerate([query, *found]):
            x = column + (gap if column else 0)
            pixels = images.images[image : image + 1][0].permute(1, 2, 0).numpy()
            shown = pixels[..., 0] if pixels.shape[2] == 1 else pixels
            axes.imshow(shown, extent=(x + 0.06, x + 0.94, row + 0.94, row + 0.06), cmap="gray", vmin=0, vmax=255)
            if column and labels is not None:
                same = labels[image] == labels[query]
                box = Rectangle((x + 0.04, row + 0.04), 0.92, 0.92, fill=False, linewidth=1.2)
                box.set_edgecolor(SAME if same else OTHER)
                box.set_linestyle("-" if same else (0, (3, 1.5)))
                axes.add_patch(box)
    axes.set_xlim(0, one.neighbors.shape[1] + 1 + gap)
    axes.set_ylim(len(asked), 0)
    axes.set_aspect("equal")
    axes.axis("off")
