"""The transfer heat map: method and source against targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import WIDTH, RenderedFigure, finish
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results
from metaclr.results.tables.transfer import transfer_lines, transfer_settings

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    Masked = np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]

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

    tasks = [t for t in summary.tasks if t.setting == setting]
    targets = list(dict.fromkeys(t.target for t in tasks))
    place = {(t.source, t.target): t for t in tasks}
    table = np.full((len(labels), len(targets)), np.nan)
    for i, (_, method, source) in enumerate(labels):
        for j, target in enumerate(targets):
            s = summary.scores.get((method, place[source, target])) if (source, target) in place else None
            if s:
                table[i, j] = s.value
    _heat_map(axes, np.ma.masked_invalid(table))
    axes.set_xticks([j + 0.5 for j in range(len(targets))], targets)
    axes.set_yticks([i + 0.5 for i in range(len(labels))], [label for label, _, _ in labels], va="center")
    axes.spines[:].set_visible(False)
    axes.set_title(setting.title)
    axes.tick_params(axis="both", length=0)
    if max(map(len, targets)) * len(targets) > 16:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.grid(False)


def _heat_map(axes: Axes, table: Masked) -> None:
    """Cells (rows, columns) in viridis with their values, white where masked, the colors' scale below.

    Drawn with matplotlib itself: importing seaborn for its heat map took a second of every comparison.
    """
    import numpy as np

    mesh = axes.pcolormesh(table, cmap="viridis", linewidths=0.6, edgecolors="white")
    axes.set(xlim=(0, table.shape[1]), ylim=(table.shape[0], 0))
    scale = axes.figure.colorbar(mesh, ax=axes, orientation="horizontal", label="accuracy (%)", aspect=18, pad=0.03)
    scale.outline.set_linewidth(0)
    for (i, j), color in zip(np.ndindex(*table.shape), mesh.to_rgba(table).reshape(-1, 4), strict=True):
        if not np.ma.getmaskarray(table)[i, j]:
            ink = "white" if _luminance(color) < 0.408 else "0.15"
            axes.text(j + 0.5, i + 0.5, f"{table[i, j]:.1f}", ha="center", va="center", fontsize=7, color=ink)


def _luminance(color: Any) -> float:
    """Relative luminance of an sRGB color in [0, 1] (W3C, WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
