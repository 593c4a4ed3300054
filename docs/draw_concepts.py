"""Draw docs/figures/one_tensor.png and nine_axes.png: the bridge in pictures.

Run it after a change of axes: `uv run python docs/draw_concepts.py`. The second is made from the methods themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

OUT = Path(__file__).parent / "figures"
WAYS = ("#0173b2", "#de8f05", "#029e73", "#cc78bc")
SHOWN = ("simclr", "infonce", "moco", "supcon", "protoclr", "r2d2", "matching", "protonet")


def one_tensor() -> Figure:
    """The same (N, V) grid twice: views of images with one left out, and images of classes with a support."""
    figure = Figure(figsize=(9.2, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    _grid(left, "Contrastive: a way is an image", "image", ["view 1", "view 2"], {(1, 1)})
    _grid(
        right, "Few-shot: a way is a class", "class", ["image 1", "image 2", "image 3"],
        {(n, 2) for n in range(4)},
    )  # fmt: skip
    left.text(
        1.0, -0.95, "the query (dark frame) is classified among\nall other views: its sibling is right", ha="center"
    )
    right.text(
        1.5, -0.95, "the queries (dark frames) are classified among\nthe prototypes of each way's support", ha="center"
    )
    return figure


def _grid(axes: Axes, title: str, way: str, views: list[str], queries: set[tuple[int, int]]) -> None:
    for n, color in enumerate(WAYS):
        y = 3 - n
        for v in range(len(views)):
            is_query = (n, v) in queries
            axes.add_patch(
                FancyBboxPatch(
                    (v + 0.08, y + 0.1),
                    0.84,
                    0.8,
                    boxstyle="round,pad=0,rounding_size=0.08",
                    facecolor=color,
                    alpha=1.0 if is_query else 0.55,
                    edgecolor="#111111" if is_query else "none",
                    linewidth=2.6,
                )
            )
            axes.text(v + 0.5, y + 0.5, "query" if is_query else "support", ha="center", va="center", color="white")
        axes.text(-0.12, y + 0.5, f"{way} {n + 1}", ha="right", va="center", color=color)
    for v, name in enumerate(views):
        axes.text(v + 0.5, 4.12, name, ha="center")
    axes.text(-0.75, 2, "N ways", rotation=90, va="center", ha="right", color="#555555")
    axes.set_title(f"{title}\n(T, N, V, D) with V = {len(views)}", pad=14)
    axes.set_xlim(-1.0, len(views) + 0.2)
    axes.set_ylim(-1.0, 4.4)
    axes.set_axis_off()


def nine_axes() -> Figure:
    """A table from the code: methods as rows, the nine axes as columns, equal values in one shade."""
    from metaclr.methods import get
    from metaclr.methods.differences import axes as axes_of
    from metaclr.methods.differences import settings

    table = {name: {**axes_of(get(name).objective), "views": settings(get(name))["views"]} for name in SHOWN}
    names = [axis for axis in next(iter(table.values())) if axis != "learn_temperature"]
    figure = Figure(figsize=(9.2, 0.46 * len(SHOWN) + 0.9), layout="constrained")
    axes = figure.subplots()
    for column, axis in enumerate(names):
        values = list(dict.fromkeys(of[axis] for of in table.values()))
        for row, of in enumerate(table.values()):
            shade = 0.10 + 0.55 * values.index(of[axis]) / max(1, len(values) - 1) if len(values) > 1 else 0.06
            y = len(table) - 1 - row
            axes.add_patch(Rectangle((column + 0.03, y + 0.06), 0.94, 0.88, facecolor=WAYS[0], alpha=shade))
            axes.text(column + 0.5, y + 0.5, _short(of[axis]), ha="center", va="center", fontsize=7.5,
                      color="white" if shade > 0.5 else "#111111")  # fmt: skip
        axes.text(column + 0.5, len(table) + 0.15, axis, ha="center", fontsize=8.5, fontweight="bold")
    for row, name in enumerate(table):
        axes.text(-0.08, len(table) - 0.5 - row, name, ha="right", va="center", fontsize=9)
    axes.set_xlim(-0.9, len(names))
    axes.set_ylim(-0.05, len(table) + 0.6)
    axes.set_axis_off()
    return figure


def _short(value: str) -> str:
    text = value.replace("squared_euclidean", "squared Euclid")
    return text.replace("(", ",\n").rstrip(")") if len(text) <= 28 else text.partition("(")[0]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name, figure in (("one_tensor", one_tensor()), ("nine_axes", nine_axes())):
        figure.savefig(OUT / f"{name}.png", dpi=150, metadata={"Software": None})
