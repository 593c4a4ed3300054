"""Histograms of the cosines of positive and negative pairs, a panel per encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metaclr.diagnose.measured import Measured
from metaclr.results.figures.style import WIDE, RenderedFigure, finish, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

PANELS = 12
KINDS = (
    ("positives", "views of one image", "#0173b2", "-"),
    ("same_class", "images of one class", "#029e73", "--"),
    ("negatives", "negatives", "#d55e00", "-"),
)


def similarity_figure(measured: Sequence[Measured]) -> RenderedFigure | None:
    """Densities of cosines for up to 12 embeddings, those of the first seeds; None where no views were measured."""
    from matplotlib.figure import Figure

    chosen = first_of_groups([one for one in measured if one.similarities is not None])[:PANELS]
    if not chosen:
        return None
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(min(max(1.8 * columns, 3.4), WIDE), 1.55 * rows + 0.55), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    for axes, one in zip(panels.flat, chosen, strict=False):
        handles |= _panel(axes, one)
        axes.set_title(title_of(one, measured), fontsize=7.5)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("density")
    for axes in panels.flat[max(0, len(chosen) - columns) : len(chosen)]:
        axes.set_xlabel("cosine")
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        "Densities of the cosine of two views: of one image (positives), of two images of one class, and of two images "
        "of different classes (negatives; of all images where there are no labels). The less positives and negatives "
        "overlap, the easier the task of the loss. Axes begin at the lowest 0.1 % of the negatives, so they differ."
    )
    return finish(figure, "similarities", "Similarities of positive and negative pairs", caption)


def _panel(axes: Axes, one: Measured) -> dict[str, object]:
    found = one.similarities
    assert found is not None
    low = lowest(found.negatives, found.edges)
    # About 50 bins in view, of whole numbers of the finer ones that were counted.
    merged = max(1, round(len(found.negatives) * (1 - low) / 2 / 50))
    merged = next(m for m in range(merged, 0, -1) if len(found.negatives) % m == 0)
    edges = found.edges[::merged]
    centers = ((edges[1:] + edges[:-1]) / 2).tolist()
    handles: dict[str, object] = {}
    for name, label, color, line in KINDS:
        counts: Tensor = getattr(found, name)
        total = float(counts.sum())
        if not total:
            continue
        density = (counts.view(-1, merged).sum(1) / total * (len(counts) / 2 / merged)).tolist()
        axes.fill_between(centers, density, color=color, alpha=0.13, linewidth=0)
        (handles[label],) = axes.plot(centers, density, color=color, linestyle=line, linewidth=1.1)
    axes.set_xlim(low, 1)
    axes.locator_params(axis="x", nbins=3)
    axes.set_ylim(bottom=0)
    return handles


def lowest(counts: Tensor, edges: Tensor, share: float = 1e-3) -> float:
    """The bound of the bins below which at most this share of the pairs lies; at least 50 bins are above it."""
    below = counts.cumsum(0) / counts.sum().clamp(min=1)
    return float(edges[int((below <= share).sum())].clamp(max=float(edges[-51])))


def first_of_groups(measured: Sequence[Measured]) -> list[Measured]:
    """The first embedding of each group and layer: one seed of a method."""
    found: dict[tuple[str, str], Measured] = {}
    for one in measured:
        found.setdefault((one.group, one.layer), one)
    return list(found.values())


def title_of(one: Measured, measured: Sequence[Measured]) -> str:
    """The group, with the layer where several are shown."""
    return f"{one.group}, {one.layer}" if len({other.layer for other in measured}) > 1 else one.group
