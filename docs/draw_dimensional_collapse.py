"""Draw docs/dimensional_collapse/collapse.png, and print the condition of collapse, measured beside theory.

python docs/draw_dimensional_collapse.py        # about two minutes on one core
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from scipy.optimize import linear_sum_assignment

from metaclr.diagnose.linear_collapse import Path as Trained
from metaclr.diagnose.linear_collapse import alignment_matrix, fixed_weight, growth, one_layer, two_layers
from metaclr.files import write_atomic
from metaclr.results.figures.style import finish, style

OUT = Path(__file__).parent / "dimensional_collapse"
MEASURED, THEORY = "#0173b2", "#de8f05"


def main() -> None:
    """Train, print, draw."""
    noise = torch.logspace(-0.3, 1.0, 8, dtype=torch.float64)  # at most 0.9 per step, so that no weight changes sign
    start = [2.718281828459045 ** (-0.35 * k) for k in range(8)]
    alone = one_layer(noise)
    aligned = two_layers(start)
    turned = two_layers(start, aligned=False)
    print("One layer, from W = I. X: contrastive covariance along each direction; below 0 the direction shrinks.")
    print(f"{'noise':>8} {'X at start':>12} {'theory':>9} {'w at end':>10} {'theory':>9}")
    first = alone.covariance[0].diagonal()
    at_one = growth(torch.ones_like(noise), noise)
    last, rest = alone.measured[-100:].mean(0), fixed_weight(noise)
    for row in zip(noise, first, at_one, last, rest, strict=True):
        print(f"{row[0]:8.2f} {row[1]:12.2f} {row[2]:9.2f} {row[3]:10.3f} {row[4]:9.3f}")
    print("Two layers: singular values of the product at the end, measured and theory")
    for one, other in zip(aligned.measured[-1], aligned.theory[-1], strict=True):
        print(f"{one:10.4f} {other:9.4f}")
    for name, layers in zip(("start", "end"), turned.layers, strict=True):
        print(f"alignment at the {name}: {float(alignment_matrix(*layers).max(1).values.mean()):.3f} (1: aligned)")
    with style():
        drawn = draw(noise, alone, aligned, turned)
    OUT.mkdir(exist_ok=True)
    write_atomic(OUT / "collapse.png", drawn)


def draw(noise: torch.Tensor, alone: Trained, aligned: Trained, turned: Trained) -> bytes:
    """Three panels above, two matrices below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    names = ("one", "spectrum", "two", "before", "after")
    panels: Any = dict(zip(names, (*rows[0].subplots(1, 3), *rows[1].subplots(1, 2)), strict=True))
    _over_time(panels["one"], alone, "one layer")
    axes = panels["spectrum"]
    axes.plot(noise, fixed_weight(noise), color=THEORY, label="theory")
    axes.scatter(noise, alone.measured[-100:].mean(0), color=MEASURED, s=16, zorder=3, label="measured")
    axes.axvline(2**0.5 - 1, color="#888888", linestyle=":", linewidth=0.9)
    axes.annotate("shrinks from 1", (0.45, 0.055), fontsize=6.5, color="#555555")
    axes.set(xscale="log", yscale="log", xlabel="noise / data variance n", ylabel="singular value")
    axes.set_title("one layer, at the end")
    axes.legend(loc="upper right")
    _over_time(panels["two"], aligned, "two layers")
    for name, layers in zip(("before", "after"), turned.layers, strict=True):
        matrix = alignment_matrix(*layers)
        order = linear_sum_assignment(-matrix.numpy())[1]
        shown = panels[name].imshow(matrix[:, order].numpy(), cmap="cividis", vmin=0, vmax=1)
        panels[name].set(xticks=[], yticks=[], title=f"|V₂ᵀU₁|, {'start' if name == 'before' else 'end'}")
        panels[name].grid(visible=False)
    rows[1].colorbar(shown, ax=panels["after"], shrink=0.9)
    return finish(figure, "collapse", "", "").png


def _over_time(axes: Any, path: Trained, title: str) -> None:
    for k in range(path.measured.shape[1]):
        axes.plot(path.times, path.measured[:, k], color=MEASURED, linewidth=1.0)
        axes.plot(path.times, path.theory[:, k], color=THEORY, linewidth=1.0, linestyle="--")
    axes.set(yscale="log", xlabel="time of gradient flow", ylabel="singular values", title=title)


if __name__ == "__main__":
    main()
