"""Every figure that the results have something for, as bytes and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaclr.files import write_atomic
from metaclr.results.figures.style import RenderedFigure, style
from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import Results


def draw_figures(results: Results) -> list[RenderedFigure]:
    """The walk, sweep, sources of positives, accuracy, low-label, transfer, heads, geometry, ranking, evaluators,
    difficulty of episodes, training curves; those with data.

    Captions name units, intervals and counts. Pure: no file, no global matplotlib state.
    """
    from metaclr.results.figures.accuracy import accuracy_figures
    from metaclr.results.figures.agreement import agreement_figures
    from metaclr.results.figures.difficulty import difficulty_figures
    from metaclr.results.figures.geometry import geometry_figures
    from metaclr.results.figures.heads import heads_figures
    from metaclr.results.figures.low_label import low_label_figures
    from metaclr.results.figures.positives import positives_figures
    from metaclr.results.figures.ranking import ranking_figures
    from metaclr.results.figures.sweep import sweep_figures
    from metaclr.results.figures.training_curves import training_figures
    from metaclr.results.figures.transfer import transfer_figures
    from metaclr.results.figures.walk import walk_figures

    summary = summarise(results)
    with style():
        return [
            *walk_figures(results, summary),
            *positives_figures(results, summary),
            *sweep_figures(results, summary),
            *accuracy_figures(results, summary),
            *low_label_figures(results, summary),
            *transfer_figures(results, summary),
            *heads_figures(results, summary),
            *geometry_figures(results, summary),
            *ranking_figures(summary),
            *agreement_figures(summary),
            *difficulty_figures(results, summary),
            *training_figures(results),
        ]


def write_figures(folder: Path, figures: Sequence[RenderedFigure]) -> list[Path]:
    """Write figures/NAME.png and figures/NAME.pdf atomically."""
    paths = []
    for figure in figures:
        for ending, content in (("png", figure.png), ("pdf", figure.pdf)):
            path = Path(folder) / "figures" / f"{figure.name}.{ending}"
            write_atomic(path, content)
            paths.append(path)
    return paths
