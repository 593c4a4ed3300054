"""Maps of images in two dimensions with the colors of their classes, and the circle of 2-D embeddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metaclr.diagnose.measured import Measured
from metaclr.results.diagnosis.similarity import first_of_groups, title_of
from metaclr.results.figures.style import SHADES, RenderedFigure, finish, legend_below

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

PANELS = 8
HIGHEST = 0.8
"""Of the density outside the circle, in radii."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "*")
COLORS = (*dict.fromkeys(color for color, _, _ in SHADES), "#333333")
"""Ten classes differ in color and in mark, for readers who do not see colors."""


def map_figure(measured: Sequence[Measured], classes: Sequence[int], names: Sequence[str]) -> RenderedFigure | None:
    """t-SNE of up to 8 embeddings. classes: (P,) class number of each shown image; names: of the classes.

    None where fewer than 10 images are shown, or all embeddings are 2-D, which `circle_figure` draws as they are.
    """
    from matplotlib.figure import Figure

    chosen = [one for one in first_of_groups(measured) if one.shown.shape[1] > 2][:PANELS]
    if not chosen or len(chosen[0].shown) < 10:
        return None
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(max(1.8 * columns, 3.4), 1.85 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    for axes, one in zip(panels.flat, chosen, strict=False):
        handles |= _scatter(axes, _flat(one), classes, names)
        axes.set_title(title_of(one, measured), fontsize=7.5)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        for side in axes.spines.values():
            side.set_visible(True)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        f"{len(chosen[0].shown)} images of {len(set(classes))} classes, the same in every panel, placed by t-SNE on "
        "cosine distance (perplexity 20); neighbors stay together, distances between groups mean little."
    )
    return finish(figure, "map", "Maps of the embeddings", caption)


def _flat(one: Measured) -> NDArray[np.float64]:
    """(P, 2) by t-SNE, the same on every call."""
    from sklearn.manifold import TSNE

    rows = one.shown.double()
    rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    perplexity = min(20.0, (len(rows) - 1) / 3)
    # On unit rows the squared Euclidean distance is twice the cosine distance.
    placed: NDArray[np.float64] = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(rows.numpy())
    return placed


def _scatter(
    axes: Axes, points: NDArray[np.float64], classes: Sequence[int], names: Sequence[str]
) -> dict[str, object]:
    handles: dict[str, object] = {}
    for number, name in enumerate(names):
        rows = [i for i, one in enumerate(classes) if one == number]
        look = {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)]}
        handles[name] = axes.scatter(points[rows, 0], points[rows, 1], s=7, linewidths=0, **look)  # type: ignore[arg-type]
    return handles


def circle_figure(measured: Sequence[Measured], classes: Sequence[int], names: Sequence[str]) -> RenderedFigure | None:
    """Densities of the angles of 2-D embeddings, of all shown images and of each class; None without 2-D embeddings."""
    import numpy as np
    from matplotlib.figure import Figure

    chosen = [one for one in first_of_groups(measured) if one.shown.shape[1] == 2][:PANELS]
    if not chosen:
        return None
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(max(2.4 * columns, 3.4), 2.5 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": "polar"})
    at = np.linspace(-math.pi, math.pi, 181)
    handles: dict[str, object] = {}
    for axes, one in zip(panels.flat, chosen, strict=False):
        angles = np.arctan2(one.shown[:, 1].numpy(), one.shown[:, 0].numpy())
        density = _density(angles, at)
        axes.fill(at, 1 + density * min(1.0, HIGHEST / density.max()), color="#bbbbbb", alpha=0.6)
        axes.fill(at, np.ones_like(at), color="white")
        axes.plot(at, np.ones_like(at), color="#555555", linewidth=0.8)
        for number, name in enumerate(names):
            of = angles[[i for i, c in enumerate(classes) if c == number]]
            look = {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)]}
            handles[name] = axes.scatter(of, np.full(len(of), 0.93 - 0.08 * number), s=5, linewidths=0, **look)
        axes.set_title(title_of(one, measured), fontsize=7.5)
        axes.set_yticks([])
        axes.set_xticks([])
        axes.set_ylim(0, 1 + HIGHEST)
        axes.spines["polar"].set_visible(False)
        axes.grid(visible=False)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        "Angles of 2-D embeddings (Wang and Isola 2020, figure 3). Outside the circle: density of all shown images, "
        "flat at half the radius where the circle is used evenly; lowered as a whole where its peak would not fit. "
        "Inside: the images of each class, a ring for each; the narrower, the better the class is aligned."
    )
    return finish(figure, "circle", "Angles on the circle", caption)


def _density(angles: NDArray[np.float64], at: NDArray[np.float64], kappa: float = 60.0) -> NDArray[np.float64]:
    """Von Mises kernel density on the circle, times pi: 0.5 where it is uniform."""
    import numpy as np

    kernel = np.exp(kappa * (np.cos(at[:, None] - angles[None, :]) - 1))
    density: NDArray[np.float64] = kernel.mean(1)
    even: NDArray[np.float64] = density / (density.mean() * 2)
    return even
