"""The walk as figures: the effect of each step, accuracy against geometry and loss, and the two orders."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import WIDTH, RenderedFigure, finish
from metaclr.results.scores.contrast import Difference
from metaclr.results.scores.scope import scope
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.store.walk import Measures, Walk, WalkRecord
from metaclr.results.tables.walk import mean
from metaclr.results.tables.walk_effects import (
    Interaction,
    headline_column,
    interactions,
    step_effect,
    step_effects,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAIN, LOSS, UNSURE, INK = "#0173b2", "#de8f05", "#b5b5b5", "#333333"
_DOT: Any = {"color": INK, "markersize": 4, "linewidth": 0.9, "capsize": 1.8}


def walk_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """`bridge`, and with two walks `bridge-reverse` and `bridge-orders`; none for an ordinary comparison."""
    walked = results.walked
    if walked is None or not summary.tasks:
        return []
    task = headline_column(summary)
    measured = {method for method, of_task in summary.scores if of_task == task}
    drawn = [_walk(summary, walked, w, task) for w in walked.walks if measured & set(walked.titles(w))]
    found = interactions(summary, walked, task)
    return [*drawn, _orders(found, task)] if found else drawn


def _walk(summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> RenderedFigure:
    from matplotlib.figure import Figure

    rows = len(walk.stages) + 2
    upper, lower = 0.45 + 0.235 * rows, 1.75
    figure = Figure(figsize=(WIDTH, upper + lower), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(upper, lower))
    _waterfall(halves[0].subplots(), summary, walked, walk, task)
    _clouds(halves[1].subplots(1, 3, sharey=True), summary, walked, walk, task)
    forward = walk is walked.walks[0]
    title = f"From {walked.start} to {walked.end}, one axis at a time" + ("" if forward else ", in the reverse order")
    return finish(figure, "bridge" if forward else "bridge-reverse", title, _caption(summary, walked, task))


def _waterfall(axes: Axes, summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> None:
    """A bar per step from the accuracy before it to the accuracy after it, with the interval of the difference."""
    scores = [summary.scores.get((title, task)) for title in walked.titles(walk)]
    effects = step_effects(summary, walked, walk, task)
    last = len(effects) + 1
    for row, (before, after, effect) in enumerate(zip(scores, scores[1:], effects, strict=False), start=1):
        if before is None or after is None or effect is None:
            _beside(axes, row, "failed" if after is None else "–")
            continue
        axes.barh(row, effect.value, left=before.value, height=0.56, color=_colour(effect), zorder=2)
        axes.errorbar(after.value, row, xerr=effect.ci95 or 0, color=INK, linewidth=0.9, capsize=1.8, zorder=3)
        axes.plot([before.value] * 2, [row - 0.72, row + 0.28], color="#999999", linewidth=0.6, zorder=1)
        if len(effect.seeds) > 1:
            ends = [before.value + one for one in effect.seeds]
            axes.scatter(ends, [row + 0.4] * len(ends), marker="|", s=14, color=INK, linewidths=0.7)
        _beside(axes, row, effect.text.replace("-", "−"))
    for row, score in ((0, scores[0]), (last, scores[-1])):
        if score is not None:
            axes.errorbar(score.value, row, xerr=score.ci95 or 0, fmt="o", **_DOT)
            _beside(axes, row, f"{score.value:.1f} %")
    if scores[-1] is not None:
        axes.plot([scores[-1].value] * 2, [last - 0.72, last], color="#999999", linewidth=0.6, zorder=1)
    labels = [f"{n}  {_wrapped(stage.label)}" for n, stage in enumerate(walk.stages, start=1)]
    axes.set_yticks(range(last + 1), [f"0  {walked.start}", *labels, f"= {walked.end}"], fontsize=7)
    for text, bold in zip(axes.get_yticklabels(), [True, *[False] * len(labels), True], strict=True):
        text.set_fontweight("bold" if bold else "normal")
    axes.set_ylim(last + 0.6, -0.6)
    axes.margins(x=0.07)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"accuracy (%), {task.target}, {task.title}", fontsize=7.5)


def _clouds(panels: Any, summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> None:
    """Accuracy against alignment, uniformity, and loss relative to chance; points numbered by step."""
    titles = walked.titles(walk)
    named = ("alignment (lower: closer)", "uniformity (lower: more even)", "training loss / loss at chance")
    for axes, place, name in zip(panels, range(3), named, strict=True):
        points = [
            (x, score.value, number)
            for number, title in enumerate(titles)
            if (score := summary.scores.get((title, task))) and (x := _across(walked, title)[place]) is not None
        ]
        _cloud(axes, points)
        axes.set_xlabel(name, fontsize=7)
        axes.tick_params(labelsize=6.5)
    panels[0].set_ylabel("accuracy (%)", fontsize=7.5)
    low, high = panels[2].get_xlim()
    if low < 1 < high:
        panels[2].axvline(1, color="#888888", linestyle=":", linewidth=1)


def _cloud(axes: Axes, points: list[tuple[float, float, int]]) -> None:
    if not points:
        return
    x, y = [p[0] for p in points], [p[1] for p in points]
    axes.plot(x, y, color="#bbbbbb", linewidth=0.8, zorder=1)
    axes.scatter(x, y, s=11, color=INK, zorder=2)
    for group in _close(points):
        right = max(group)
        text = ", ".join(str(number) for _, _, number in sorted(group, key=lambda p: p[2]))
        axes.annotate(text, right[:2], (3.5, 0), textcoords="offset points", va="center", fontsize=6.5, zorder=3)
    axes.margins(0.12)
    axes.locator_params(nbins=4)


def _close(points: list[tuple[float, float, int]]) -> list[list[tuple[float, float, int]]]:
    """Points in groups whose numbers would be written over each other."""
    spans = [(max(side) - min(side)) or 1.0 for side in ([p[0] for p in points], [p[1] for p in points])]

    def near(one: tuple[float, float, int], other: tuple[float, float, int]) -> bool:
        return abs(one[0] - other[0]) < 0.09 * spans[0] and abs(one[1] - other[1]) < 0.09 * spans[1]

    groups: list[list[tuple[float, float, int]]] = []
    for point in points:
        home = next((group for group in groups if any(near(point, member) for member in group)), None)
        if home is None:
            groups.append([point])
        else:
            home.append(point)
    return groups


def _across(walked: WalkRecord, title: str) -> tuple[float | None, float | None, float | None]:
    """Alignment, uniformity, and loss over loss at chance where that is a ratio."""
    measured = walked.measures.get(title, Measures())
    loss = mean(measured.loss)
    share = loss / measured.chance if loss is not None and measured.chance is not None and measured.chance > 0 else None
    return mean(measured.alignment), mean(measured.uniformity), share


def _orders(found: list[Interaction], task: TableColumn) -> RenderedFigure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH * 0.75, 0.85 + 0.28 * len(found)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="#888888", linewidth=0.8, zorder=1)
    for row, one in enumerate(found):
        axes.plot([one.forward.value, one.reverse.value], [row, row], color="#cccccc", linewidth=2.2, zorder=1)
    for marker, color, name, aside in (("o", GAIN, "forward", -0.11), ("s", LOSS, "reverse", 0.11)):
        of_order = [getattr(one, name) for one in found]
        axes.errorbar(
            [w.value for w in of_order], [row + aside for row in range(len(found))],
            xerr=[w.ci95 or 0 for w in of_order], fmt=marker, color=color, markersize=4, linewidth=0.9, capsize=1.8,
            label=f"{name} order",
        )  # fmt: skip
    axes.set_yticks(range(len(found)), [one.axis for one in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("effect of moving the axis (percent points)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    caption = (
        f"The effect of each axis on {task.target}, {task.title}, when the axes move in one order and in the opposite "
        "one, with 95 % intervals of the paired differences. Where the two marks are apart, the axis interacts with "
        "the others."
    )
    return finish(figure, "bridge-orders", "The same axes in both orders", caption)


def _colour(effect: Difference) -> str:
    if not (effect.significant(LEVEL) and (effect.about_methods or effect.seeds_agree)):
        return UNSURE
    return GAIN if effect.value > 0 else LOSS


def _beside(axes: Axes, row: int, text: str) -> None:
    axes.annotate(text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=7, annotation_clip=False)


def _wrapped(label: str) -> str:
    return "\n    ".join(textwrap.wrap(label, 38)) if len(label) > 38 else label


def _caption(summary: Summary, walked: WalkRecord, task: TableColumn) -> str:
    score = next((s for s in summary.of(task) if s.method == walked.start), None)
    whole = step_effect(summary, walked.start, walked.end, task)
    seeds, methods = len(score.seeds) if isinstance(score, Score) else 1, summary.about_methods(task)
    return " ".join(
        [
            "Above: accuracy after each step; a bar is the effect of the step, with the 95 % interval of the paired "
            f"differences on the same {score.n:,} stored episodes, for {scope(summary, [task])}."
            if score
            else "",
            "Blue: gains; orange: loses; grey: not significant"
            + (", or the training seeds differ in sign. " if seeds > 1 and not methods else " (Holm-corrected). ")
            + (f"Small ticks: each of {seeds} training seeds." if seeds > 1 else "One training seed."),
            f"All steps together: {whole.text} points." if whole else "",
            "Below: the same steps by their numbers, accuracy against the geometry of the features of the target and "
            "against the training loss, as a share of the loss where all embeddings are alike (dotted: 1). The axes do "
            "not start at zero.",
        ]
    ).replace("  ", " ")
