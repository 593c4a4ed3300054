"""Every figure that the results have something for, as bytes and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaclr.files import write_atomic
from metaclr.results.folder import Results
from metaclr.results.style import Drawn, style
from metaclr.results.summary import summarise


def draw_figures(results: Results) -> list[Drawn]:
    """The walk, accuracy with intervals, low-label curves, transfer heat map, training curves; those with data.

    Captions name units, intervals and counts. Pure: no file, no global matplotlib state.
    """
    from metaclr.results.figure_accuracy import accuracy_figures
    from metaclr.results.figure_low_label import low_label_figures
    from metaclr.results.figure_training import training_figures
    from metaclr.results.figure_transfer import transfer_figures
    from metaclr.results.figure_walk import walk_figures

    summary = summarise(results)
    with style():
        return [
            *walk_figures(results, summary),
            *accuracy_figures(results, summary),
            *low_label_figures(results, summary),
            *transfer_figures(results, summary),
            *training_figures(results),
        ]


def write_figures(folder: Path, figures: Sequence[Drawn]) -> list[Path]:
    """Write figures/NAME.png and figures/NAME.pdf atomically."""
    paths = []
    for figure in figures:
        for ending, content in (("png", figure.png), ("pdf", figure.pdf)):
            path = Path(folder) / "figures" / f"{figure.name}.{ending}"
            write_atomic(path, content)
            paths.append(path)
    return paths
