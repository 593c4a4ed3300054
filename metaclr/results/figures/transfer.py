"""The transfer heat map: method and source against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.figures.style import WIDTH, RenderedFigure, finish
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.tables.transfer import transfer_lines, transfer_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 3


def transfer_figures(results: Results, summary: Summary) -> list[RenderedFigure]:
    """One figure with a panel for up to three settings; none where there is one source and one target."""
    from matplotlib.figure import Figure

    labels = transfer_lines(summary)
    settings = _chosen(transfer_settings(summary))
    if not settings:
        return []
    # As many panels as leave every number room to be read.
    targets = len(dict.fromkeys(t.target for t in summary.tasks))
    beside = 0.3 + 0.065 * max(len(label) for label, _, _ in labels)
    settings = settings[: max(1, int((WIDTH - beside) / (0.34 * targets + 0.1)))]
    width = min(WIDTH, max(3.4, beside + len(settings) * (0.6 * targets + 0.1)))
    figure = Figure(figsize=(width, 1.15 + 0.2 * len(labels)), layout="constrained")
    panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
    for axes, setting in zip(panels, settings, strict=True):
        _panel(axes, summary, setting, labels)
    caption = (
        "Accuracy (%) of each encoder (row) on each target (column); the colors run from the lowest to the "
        "highest number of a panel. Intervals are in the transfer table."
    )
    return [finish(figure, "transfer", "Transfer to other data", caption)]


def _chosen(settings: list[TableColumn]) -> list[TableColumn]:
    """The first and the last few-shot setting, and the linear probe: what fits side by side."""
    few = [s for s in settings if s.family == "few-shot"]
    rest = sorted((s for s in settings if s.family != "few-shot"), key=lambda s: s.family != "linear")
    return [*dict.fromkeys(few[:1] + few[-1:]), *rest][:PANELS]


def _panel(axes: Axes, summary: Summary, setting: TableColumn, labels: list[tuple[str, str, str]]) -> None:
    import numpy as np
    import seaborn as sns

    tasks = [t for t in summary.tasks if t.setting == setting]
    targets = list(dict.fromkeys(t.target for t in tasks))
    place = {(t.source, t.target): t for t in tasks}
    table = np.full((len(labels), len(targets)), np.nan)
    for i, (_, method, source) in enumerate(labels):
        for j, target in enumerate(targets):
            s = summary.scores.get((method, place[source, target])) if (source, target) in place else None
            if s:
                table[i, j] = s.value
    sns.heatmap(
        table, ax=axes, annot=True, fmt=".1f", cmap="viridis", mask=np.isnan(table), linewidths=0.6,
        annot_kws={"fontsize": 7}, xticklabels=targets, yticklabels=[label for label, _, _ in labels],
        cbar_kws={"orientation": "horizontal", "label": "accuracy (%)", "aspect": 18, "pad": 0.03},
    )  # fmt: skip
    axes.set_title(setting.title)
    axes.tick_params(axis="x", length=0)
    if max(map(len, targets)) * len(targets) > 16:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", rotation=0, length=0)
    axes.grid(False)
