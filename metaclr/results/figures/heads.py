"""A map of differences: few-shot heads minus contrastive ones, sources against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDE, RenderedFigure, finish
from metaclr.results.scores.heads import HeadsContrast, heads_contrasts
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def heads_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure: without labels and with them, of the setting with the fewest shots."""
    from matplotlib.figure import Figure

    found = heads_contrasts(results, summary)
    if not found:
        return []
    fewest = min((one.setting.shot or 0, -(one.setting.way or 0)) for one in found)
    shown = [one for one in found if (one.setting.shot or 0, -(one.setting.way or 0)) == fewest][:2]
    largest = max(abs(d.value) for one in shown for d in one.differences.values())
    sources = max(len(one.sources) for one in shown)
    size = (WIDE if len(shown) > 1 else 0.6 * WIDE, 1.7 + 0.26 * sources)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, one in zip(panels, shown, strict=True):
        _panel(axes, one, largest)
    few = [t for t in summary.tasks if t.family == "few-shot"]
    of = "; ".join(
        f"{'with' if one.labels else 'without'} labels: {', '.join(one.few_shot)} minus {', '.join(one.contrastive)}"
        for one in shown
    )
    caption = (
        f"Mean accuracy of the few-shot methods minus the contrastive ones, in points, {shown[0].setting.title}; "
        f"rows: source, columns: target. {of[0].upper()}{of[1:]}. In parentheses: not significant at "
        f"{LEVEL:g} (Holm-corrected over a panel); tests speak about {scope(summary, few)}."
    )
    return [finish(figure, "heads", "Few-shot heads minus contrastive heads, by source and target", caption)]


def _panel(axes: Axes, one: HeadsContrast, largest: float) -> None:
    import numpy as np
    import seaborn as sns

    table = np.full((len(one.sources), len(one.targets)), np.nan)
    texts = np.full(table.shape, "", dtype=object)
    for i, source in enumerate(one.sources):
        for j, target in enumerate(one.targets):
            if d := one.differences.get((source, target)):
                number = f"{d.value:+.1f}".replace("-", "−")
                table[i, j], texts[i, j] = d.value, number if d.significant(LEVEL) else f"({number})"
    sns.heatmap(
        table, ax=axes, mask=np.isnan(table), annot=texts, fmt="", cmap="PuOr_r", vmin=-largest, vmax=largest,
        linewidths=0.6, annot_kws={"fontsize": 7}, xticklabels=one.targets, yticklabels=one.sources,
        cbar_kws={"orientation": "horizontal", "label": "points", "aspect": 18, "pad": 0.03},
    )  # fmt: skip
    axes.set_title("with labels" if one.labels else "without labels")
    axes.tick_params(axis="both", length=0, labelsize=7)
    for label in axes.get_xticklabels():
        label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", rotation=0)
    axes.grid(False)
