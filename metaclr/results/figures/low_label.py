"""Low-label curves: accuracy against the number of labelled images, frozen and end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.figures.accuracy import dot_figure
from metaclr.results.figures.style import WIDTH, LineStyle, RenderedFigure, finish, legend_below, looks, slug
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def low_label_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure per source: a row of panels per target, a column per variant (frozen, fine-tuned)."""
    drawn = []
    sources = list(dict.fromkeys(t.source for t in summary.tasks))
    for source in sources:
        tasks = [t for t in summary.tasks if t.source == source and t.family == "low-label"]
        if tasks:
            name = "low-label" + (f"-from-{slug(source)}" if len(sources) > 1 else "")
            title = "Accuracy from few labels" + (f", trained on {source}" if len(sources) > 1 else "")
            if summary.families:  # curves of many methods hide each other
                for target in dict.fromkeys(t.target for t in tasks):
                    of_target = [t for t in tasks if t.target == target]
                    drawn.append(
                        dot_figure(results, summary, of_target, f"{name}-{slug(target)}", f"{title}: {target}")
                    )
                continue
            drawn.append(_figure(results, summary, tasks, name, title))
    return drawn


def _figure(results: Results, summary: Summary, tasks: list[TableColumn], name: str, title: str) -> RenderedFigure:
    from matplotlib.figure import Figure

    targets = list(dict.fromkeys(t.target for t in tasks))
    variants = list(dict.fromkeys(t.variant for t in tasks))
    width = WIDTH if len(variants) > 1 else 3.4
    figure = Figure(figsize=(width, 0.55 + 1.75 * len(targets)), layout="constrained")
    panels = figure.subplots(len(targets), len(variants), sharey="row", sharex="row", squeeze=False)
    look = looks(results)
    handles: dict[str, object] = {}
    chances = []
    for line, target in zip(panels, targets, strict=True):
        for axes, variant in zip(line, variants, strict=True):
            of_panel = [t for t in tasks if (t.target, t.variant) == (target, variant)]
            chance = of_panel[0].chance(results.about.classes.get(target)) if of_panel else None
            chances.append(chance)
            handles |= _panel(axes, summary, of_panel, look, chance)
            axes.set_title(", ".join(part for part in (target, variant) if part))
        line[0].set_ylabel("accuracy (%)")
    for axes in panels[-1]:
        axes.set_xlabel("labelled images")
    names = [m for m in summary.methods if m in handles]
    legend_below(figure, [handles[m] for m in names], names)
    return finish(figure, name, title, _caption(results, tasks, any(chances)))


def _panel(
    axes: Axes, summary: Summary, tasks: list[TableColumn], look: dict[str, LineStyle], chance: float | None
) -> dict[str, object]:
    counts = [t.label_count for t in tasks]
    known = all(counts)
    places = [float(c) for c in counts if c] if known else [float(i + 1) for i in range(len(tasks))]
    if chance is not None:
        axes.axhline(chance, color="#999999", linestyle=":", linewidth=1)
    handles: dict[str, object] = {}
    names = [m for m in summary.methods if any((m, t) in summary.scores for t in tasks)]
    for number, method in enumerate(names):
        found = [
            (x, summary.scores[method, t]) for x, t in zip(places, tasks, strict=True) if (method, t) in summary.scores
        ]
        # A small step aside for each method, so that intervals do not hide each other.
        aside = 1.018 ** (number - (len(names) - 1) / 2)
        x, y = [x * aside for x, _ in found], [s.value for _, s in found]
        how = look[method]
        handles[method] = axes.errorbar(
            x, y, yerr=[s.ci95 or 0 for _, s in found], color=how.color, marker=how.marker, linestyle=how.line,
            markersize=3.5, elinewidth=0.9, linewidth=1.1,
        )  # fmt: skip
    if known:
        axes.set_xscale("log")
    axes.set_xticks(places, _tick_labels(tasks) if known else [t.label_subset for t in tasks])
    axes.set_xticks([], minor=True)
    axes.tick_params(labelleft=True)
    return handles


def _tick_labels(tasks: list[TableColumn]) -> list[str]:
    """Counts, and under them '10 %' or '5/class' where the ticks stand far enough apart."""
    from itertools import pairwise
    from math import log

    counts = sorted(t.label_count or 1 for t in tasks)
    gaps = [log(b / a) / log(counts[-1] / counts[0]) for a, b in pairwise(counts) if b > a]
    names = [t.label_subset.split(" (")[0].replace(" per class", "/class").replace(" %", "%") for t in tasks]
    if min(gaps, default=1.0) < 0.2:
        return [f"{t.label_count:,}" for t in tasks]
    return [f"{t.label_count:,}\n{name}" for t, name in zip(tasks, names, strict=True)]


def _caption(results: Results, tasks: list[TableColumn], chance: bool) -> str:
    subsets = (results.recipe.get("evaluate", {}).get("low_label") or {}).get("subsets", 1)
    over = "the test images" if subsets == 1 else f"{subsets} label subsets"
    seeds = len({row.seed for row in results.rows})
    variants = {t.variant for t in tasks}
    return " ".join(
        part
        for part in (
            f"Accuracy against the number of labelled training images, with its 95 % interval over {over}"
            + (f", mean of {seeds} training seeds." if seeds > 1 else "; one training seed."),
            "Frozen: only a linear head is fitted; fine-tuned: encoder and head are." if len(variants) > 1 else "",
            "Points of one setting stand side by side for readability.",
            "Dotted line: chance." if chance else "",
        )
        if part
    )
