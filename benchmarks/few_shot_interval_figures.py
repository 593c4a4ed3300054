"""The two figures of docs/few_shot_intervals.md, from the committed results of few_shot_intervals.py alone."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.files import write_atomic
from metaclr.results.figures.style import WIDTH, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "benchmarks" / "few_shot_intervals"
DOCS = ROOT / "docs" / "few_shot_intervals"

TESTS = {"episode_t": ("t over episodes", "#d55e00", "o"), "new_classes": ("new classes", "#0173b2", "D")}

Record = dict[str, str]


def read(path: Path) -> list[Record]:
    """The rows of a CSV file as text."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def false_positive_figure(rows: Sequence[Record]) -> Figure:
    """A panel for each pool and number of episodes: share of label shuffles with p < 0.05, by task and encoders."""
    import matplotlib.pyplot as plt

    panels = list(dict.fromkeys((row["pool"], row["episodes"]) for row in rows if int(row["episodes"]) <= 2000))
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.3), sharey=True, layout="constrained")
    for ax, (pool, episodes) in zip(axes, panels, strict=True):
        of_panel = [row for row in rows if (row["pool"], row["episodes"]) == (pool, episodes)]
        tasks = list(dict.fromkeys((row["way"], row["shot"]) for row in of_panel))
        pairs = list(dict.fromkeys(row["a"] for row in rows))
        for row in of_panel:
            at = tasks.index((row["way"], row["shot"])) + 0.24 * (pairs.index(row["a"]) - (len(pairs) - 1) / 2)
            for test in TESTS:
                _point(ax, at, float(row[test]), int(row["shuffles"]), test)
        ax.axhline(5, color="#333333", linewidth=0.8, linestyle="--")

        classes = f"{of_panel[0]['classes']} classes"
        ax.set_title(pool if pool.endswith("classes") else f"{pool}, {classes}")
        ax.set_xticks(range(len(tasks)), [f"{way}w\n{shot}s" for way, shot in tasks])
        ax.set_xlim(-0.6, len(tasks) - 0.4)
        ax.grid(axis="x", visible=False)
    axes[0].set_ylabel("differences found on\nshuffled labels, % of tries")
    axes[0].set_ylim(-2, 102)
    _legend(figure, axes[0])
    return figure


def coverage_figure(rows: Sequence[Record]) -> Figure:
    """A panel for one method and one for a difference: share of pools whose interval contains the value over all."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.6), sharey=True, layout="constrained")
    settings = list(dict.fromkeys((row["pool_classes"], row["way"], row["shot"]) for row in rows))[::-1]
    for ax, title in zip(axes, ("accuracy of one encoder", "difference of two encoders"), strict=True):
        ax.axvspan(92, 98, color="#0173b2", alpha=0.12, linewidth=0)
        ax.axvline(95, color="#333333", linewidth=0.8, linestyle="--")
        for row in rows:
            if bool(row["b"]) == (title[0] == "d"):
                at = settings.index((row["pool_classes"], row["way"], row["shot"]))
                for test in TESTS:
                    _point(ax, float(row[test]), at, int(row["pools"]), test, across=True)
        ax.set_title(title)
        ax.set_xlim(-2, 102)
        ax.set_xlabel("pools whose 95 % interval contains\nthe value over all classes, %")
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(settings)), [f"{way}-way {shot}-shot, pool of {size}" for size, way, shot in settings])
    axes[0].set_ylim(-0.6, len(settings) - 0.4)
    _legend(figure, axes[0])
    return figure


def _point(ax: Axes, x: float, y: float, n: int, test: str, *, across: bool = False) -> None:
    """A percentage of n tries with two standard errors on either side."""
    label, color, marker = TESTS[test]
    share = (x if across else y) / 100
    error = 200 * sqrt(share * (1 - share) / n)
    bars = {"xerr" if across else "yerr": error}
    ax.errorbar(x, y, **bars, fmt=marker, color=color, markersize=3.5, linewidth=0.9, label=label)


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=2)


def main() -> None:
    """Draw both figures into docs/few_shot_intervals/."""
    import io

    import matplotlib as mpl

    mpl.use("Agg")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of few_shot_intervals.py")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder to draw into")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with style():
        for name, draw in (("false_positives", false_positive_figure), ("coverage", coverage_figure)):
            buffer = io.BytesIO()
            figure = draw(read(chosen.results / f"{name}.csv"))
            figure.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
            write_atomic(chosen.out / f"{name}.png", buffer.getvalue())


if __name__ == "__main__":
    main()
