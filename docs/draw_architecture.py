"""Draw docs/figures/architecture.png: the rooms and the data flow of a comparison.

Run it after a change of rooms: `uv run python docs/draw_architecture.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

OUT = Path(__file__).parent / "figures" / "architecture.png"
DATA, TRAIN, EVALUATE, RESULTS = "#de8f05", "#0173b2", "#029e73", "#949494"

BOXES: dict[str, tuple[float, float, str, str, str]] = {
    # name: x, y, color, title, what it holds
    "images": (0.0, 2.0, DATA, "image set", "episodes.image_set\nmetaclr.data\nuint8 (M, C, H, W)"),
    "sampler": (1.0, 2.0, TRAIN, "sampler", "episodes.sampler\nindex tables\n(T, N, V)"),
    "views": (2.0, 2.0, TRAIN, "views", "episodes.rendering\npixels\n(T, N, V, C, H, W)"),
    "encoder": (3.0, 2.0, TRAIN, "encoder, projector", "metaclr.networks\nembeddings\n(T, N, V, D)"),
    "objective": (4.0, 2.0, TRAIN, "objective", "metaclr.bridge\nroles, head, logits,\ndenominator: the loss"),
    "features": (1.0, 0.75, EVALUATE, "features", "evaluation.features\nonce per target\n(M, F)"),
    "episodes": (2.0, 0.75, EVALUATE, "stored episodes", "episodes.stored\nthe same for every\nmethod"),
    "heads": (3.0, 0.75, EVALUATE, "evaluators, heads", "metaclr.evaluation,\n.heads: few-shot,\nlinear, kNN, ..."),
    "rows": (4.0, 0.75, RESULTS, "rows", "results.store\nrows.csv, per_item\none per measurement"),
    "tables": (4.0, -0.5, RESULTS, "tables, report", "results.scores, .tables,\n.figures, .report"),
}
WIDTH, HEIGHT = 0.82, 0.8

ARROWS = [
    ("images", "sampler", ""),
    ("sampler", "views", ""),
    ("views", "encoder", ""),
    ("encoder", "objective", ""),
    ("images", "features", "targets"),
    ("features", "episodes", ""),
    ("episodes", "heads", ""),
    ("heads", "rows", ""),
    ("rows", "tables", ""),
]


def draw() -> Figure:
    """The picture, 10 by 5.4 inches."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.5, 4.5)
    axes.set_ylim(-1.0, 2.75)
    for x, y, color, title, text in BOXES.values():
        _box(axes, x, y, color, title, text)
    for start, end, label in ARROWS:
        _arrow(axes, start, end, label)
    # The trained encoder crosses from training to evaluation.
    _line(axes, (3.0, 2.0 - HEIGHT / 2), (3.0, 1.37), (1.0, 1.37), (1.0, 0.75 + HEIGHT / 2))
    axes.text(2.0, 1.405, "trained encoder", ha="center", va="bottom", fontsize=8, color="#444444")
    loop = "metaclr.engine: one training loop for every method (gradient, optimizer, checkpoint)"
    axes.annotate("", (3.0, 2.46), (4.0, 2.46), arrowprops={"arrowstyle": "->", "color": TRAIN, "lw": 1.4})
    axes.text(2.5, 2.56, loop, ha="center", va="bottom", fontsize=8.5, color=TRAIN)
    axes.text(
        0.0, -0.5, "metaclr.comparison runs this for\nevery method, source and seed;\nmetaclr.walk for every step\n"
        "between two methods", ha="center", va="center", fontsize=8.5, color="#444444",
    )  # fmt: skip
    return figure


def _box(axes: Axes, x: float, y: float, color: str, title: str, text: str) -> None:
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    axes.add_patch(
        FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=0.05", fc=color + "1f", ec=color)
    )
    axes.text(x, y + 0.26, title, ha="center", va="center", fontsize=9.5, weight="bold")
    axes.text(x, y - 0.1, text, ha="center", va="center", fontsize=7.5, linespacing=1.3)


def _arrow(axes: Axes, start: str, end: str, label: str) -> None:
    (x0, y0, *_), (x1, y1, *_) = BOXES[start], BOXES[end]
    if y0 == y1:
        tail, tip = (x0 + WIDTH / 2, y0), (x1 - WIDTH / 2, y1)
    elif x0 == x1:
        tail, tip = (x0, y0 - HEIGHT / 2), (x1, y1 + HEIGHT / 2)
    else:
        _line(axes, (x0, y0 - HEIGHT / 2), (x0, y1), (x1 - WIDTH / 2, y1))
        axes.text(x0 - 0.04, y1 + 0.3, label, ha="right", va="center", fontsize=8, color="#444444")
        return
    axes.annotate("", tip, tail, arrowprops={"arrowstyle": "->", "color": "#444444", "lw": 1.2})


def _line(axes: Axes, *points: tuple[float, float]) -> None:
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, color="#444444", lw=1.2)
    axes.annotate("", points[-1], points[-2], arrowprops={"arrowstyle": "->", "color": "#444444", "lw": 1.2})


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    draw().savefig(path, dpi=130)
    print(path)
