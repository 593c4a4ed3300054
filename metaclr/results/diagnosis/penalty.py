"""The measured relative penalty of negatives by similarity, against the Boltzmann form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metaclr.diagnose.measured import Measured
from metaclr.diagnose.penalty import Penalty
from metaclr.results.diagnosis.similarity import first_of_groups
from metaclr.results.figures.style import LineStyle, RenderedFigure, finish, legend_below

if TYPE_CHECKING:
    from torch import Tensor

BINS = 25
MIN_PAIRS = 8
LOG_FROM = 10
"""Largest over smallest penalty from which the axis is logarithmic."""


def penalty_figure(measured: Sequence[Measured], looks: dict[str, LineStyle]) -> RenderedFigure | None:
    """Means over pairs of nearly equal cosine: marks are measured, lines the Boltzmann form at the loss's temperature.

    None where no embedding has a penalty.
    """
    from matplotlib.figure import Figure

    chosen = first_of_groups([m for m in measured if m.penalty is not None])
    if not chosen:
        return None
    figure = Figure(figsize=(4.4, 3.1), layout="constrained")
    axes = figure.subplots()
    handles, names = [], []
    heights: list[float] = []
    for one in chosen:
        assert one.penalty is not None
        how = looks[one.group]
        cosine, seen, theory = binned(one.penalty)
        heights += [*seen, *theory]
        axes.plot(cosine, theory, color=how.color, linestyle=how.line, linewidth=1.1)
        handles.append(axes.scatter(cosine, seen, color=how.color, marker=how.marker, s=14, zorder=3))
        names.append(f"{one.group}, τ = {one.temperature:.3g}")
    axes.axhline(1, color="#888888", linestyle=":", linewidth=0.9)
    is_wide = max(heights) > LOG_FROM * min(heights)
    if is_wide:
        axes.set_yscale("symlog", linthresh=0.1)
    axes.margins(y=0.08)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("cosine of anchor and negative")
    axes.set_ylabel("relative penalty (mean of all: 1)")
    legend_below(figure, handles, names)
    caption = (
        "How strongly the loss of each run pushes a negative away, over the mean of the anchor's negatives, by cosine. "
        "Marks: measured from the gradient of the run's own loss on its own embeddings. Lines: the Boltzmann form "
        "exp(cosine / τ) of plain InfoNCE at that temperature (Wang and Liu 2021); they bend "
        "where anchors differ in how similar their negatives are. Dotted: all negatives alike."
        + (" Linear below 0.1, logarithmic above." if is_wide else "")
    )
    return finish(figure, "penalty", "Relative penalty of negatives", caption)


def binned(penalty: Penalty) -> tuple[list[float], list[float], list[float]]:
    """Mean cosine, measured penalty and Boltzmann form of bins of equal width with enough pairs."""
    import torch

    low, high = float(penalty.cosine.min()), float(penalty.cosine.max())
    place = ((penalty.cosine - low) / max(high - low, 1e-12) * BINS).long().clamp(0, BINS - 1)
    counts = torch.bincount(place, minlength=BINS)
    kept = counts >= MIN_PAIRS

    def mean(values: Tensor) -> list[float]:
        return [float(v) for v in (torch.bincount(place, values, minlength=BINS) / counts.clamp(min=1))[kept]]

    return mean(penalty.cosine), mean(penalty.measured), mean(penalty.boltzmann)
