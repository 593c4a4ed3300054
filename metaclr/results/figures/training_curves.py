"""Training curves: loss relative to its start, and accuracy on the training tasks where a method has one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from metaclr.results.figures.style import (
    SHADES,
    WIDE,
    WIDTH,
    LineStyle,
    RenderedFigure,
    finish,
    legend_below,
    looks,
    slug,
)
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
    Curves = dict[str, list[Curve]]


def training_figures(results: Results) -> list[RenderedFigure]:
    """One figure per source, from the training_curves of the runs; none without training_curves."""
    place = {row.run: (row.source, row.method) for row in results.rows}
    sources = list(dict.fromkeys(source for source, _ in place.values()))
    drawn = []
    for source in sources:
        losses: Curves = {}
        accuracies: Curves = {}
        for run, curve in results.training_curves.items():
            if place[run][0] == source:
                _add(losses, place[run][1], curve, relative_loss(curve))
                _add(accuracies, place[run][1], curve, training_accuracy(curve))
        if losses or accuracies:
            name = "training" + (f"-on-{slug(source)}" if len(sources) > 1 else "")
            title = "Training curves" + (f", {source}" if len(sources) > 1 else "")
            if results.families:
                drawn.append(_by_family(results, losses or accuracies, name, title))
            else:
                drawn.append(_figure(results, losses, accuracies, name, title))
    return drawn


def _by_family(results: Results, curves: Curves, name: str, title: str) -> RenderedFigure:
    """A panel of losses for each family of methods, with a legend of its own."""
    from matplotlib.figure import Figure

    members = {f: [m for m in results.methods if m in curves and results.families[m] == f] for f in _families(results)}
    members = {family: of for family, of in members.items() if of}
    rows = -(-len(members) // 2)
    figure = Figure(figsize=(WIDE, 2.1 * rows), layout="constrained")
    panels = iter(figure.subplots(rows, 2, squeeze=False).flat)
    look = {m: LineStyle(*SHADES[i % len(SHADES)]) for of in members.values() for i, m in enumerate(of)}
    for (family, of), axes in zip(members.items(), panels, strict=False):
        handles = _panel(axes, {m: curves[m] for m in of}, look)
        axes.set_title(textwrap.fill(family, 36), loc="left")
        axes.set_ylabel("loss / its first value")
        axes.set_xlabel("views seen (thousands)")
        axes.legend(list(handles.values()), of, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=5.5)
    for axes in list(panels):
        axes.set_visible(False)
    caption = (
        "Training loss divided by its first logged value, a panel for each family; losses of different methods are "
        "different quantities, so only the shape can be compared."
    )
    return finish(figure, name, title, caption)


def _families(results: Results) -> list[str]:
    return list(dict.fromkeys(results.families.values()))


def _figure(results: Results, losses: Curves, accuracies: Curves, name: str, title: str) -> RenderedFigure:
    from matplotlib.figure import Figure

    filled = [
        (curves, label)
        for curves, label in ((losses, "loss / its first value"), (accuracies, "training accuracy (%)"))
        if curves
    ]
    figure = Figure(figsize=(WIDTH if len(filled) > 1 else 3.4, 2.5), layout="constrained")
    look = looks(results)
    handles: dict[str, object] = {}
    for axes, (curves, label) in zip(figure.subplots(1, len(filled), squeeze=False)[0], filled, strict=True):
        handles |= _panel(axes, curves, look)
        axes.set_xlabel("views seen (thousands)")
        axes.set_ylabel(label)
    names = [m for m in results.methods if m in handles]
    legend_below(figure, [handles[m] for m in names], names)
    runs = max(len(of) for curves, _ in filled for of in curves.values())
    caption = (
        "Training loss divided by its first logged value; losses of different methods are different "
        "quantities, so only the shape can be compared."
        + (" Accuracy on a method's own training tasks, whose number of ways differs by method." if accuracies else "")
        + (f" Thin: each of {runs} training seeds; thick: their mean." if runs > 1 else " One training seed.")
    )
    return finish(figure, name, title, caption)


def _panel(axes: Axes, curves: Curves, look: Mapping[str, LineStyle]) -> dict[str, object]:
    import numpy as np

    handles: dict[str, object] = {}
    for method, of_method in curves.items():
        how = look[method]
        if len(of_method) > 1:
            for x, y in of_method:
                axes.plot(x, y, color=how.color, linewidth=0.5, alpha=0.45)
        longest = max((x for x, _ in of_method), key=len)
        mean = np.mean([np.interp(longest, x, y) for x, y in of_method], axis=0)
        (handles[method],) = axes.plot(longest, mean, color=how.color, linestyle=how.line)
    return handles


def _add(curves: Curves, method: str, curve: Mapping[str, NDArray[np.float64]], y: NDArray[np.float64] | None) -> None:
    import numpy as np

    if y is None:
        return
    x = curve["views"] / 1000 if "views" in curve else curve["step"] / 1000
    finite = np.isfinite(x) & np.isfinite(y)
    if finite.any():
        curves.setdefault(method, []).append((x[finite], y[finite]))


def relative_loss(curve: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """The loss over its first value; None where that is not above zero and the ratio would mean nothing."""
    loss = curve.get("loss")
    return loss / loss[0] if loss is not None and loss[0] > 0 else None


def training_accuracy(curve: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """The accuracy on a method's own training tasks in percent; None where it logs none."""
    import numpy as np

    accuracy = curve.get("accuracy")
    if accuracy is None or not np.isfinite(accuracy).any():
        return None
    return 100 * accuracy if np.nanmax(accuracy) <= 1 else accuracy
