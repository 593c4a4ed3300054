"""Write a diagnosis: table as csv, md, tex and html, figures, and a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from metaclr.diagnose.measured import Measured, Pictured
from metaclr.files import write_atomic
from metaclr.page_templates import render
from metaclr.results.diagnosis.findings import findings
from metaclr.results.diagnosis.maps import circle_figure, map_figure
from metaclr.results.diagnosis.penalty import penalty_figure
from metaclr.results.diagnosis.plane import plane_figure
from metaclr.results.diagnosis.sheet import neighbor_figure
from metaclr.results.diagnosis.similarity import similarity_figure
from metaclr.results.diagnosis.spectrum import spectrum_figure
from metaclr.results.diagnosis.table import diagnosis_table
from metaclr.results.figures.all_figures import write_figures
from metaclr.results.figures.style import RenderedFigure, looks_of, style
from metaclr.results.tables.all_tables import write_tables
from metaclr.results.tables.formats import to_html

if TYPE_CHECKING:
    from episodes import ImageSet

MAX_NAME = 36
"""Letters of a class name in a legend."""


def write_diagnosis(
    folder: Path,
    measured: Sequence[Measured],
    what: str,
    images: ImageSet | None,
    pictured: Pictured | None,
    notes: Sequence[str] = (),
) -> None:
    """Write `tables/diagnosis.*`, `figures/*` and `diagnosis.html`, atomically.

    Args:
        what: the images, in words. images, pictured: those that maps and sheets show; None leaves both out.
        notes: lines for the reader, such as what could not be measured.
    """
    table = diagnosis_table(measured, what, notes)
    figures = draw_diagnosis(measured, images, pictured)
    write_tables(folder, [table])
    write_figures(folder, figures)
    write_atomic(folder / "diagnosis.html", _page(to_html(table), figures, what, measured))


def draw_diagnosis(
    measured: Sequence[Measured], images: ImageSet | None, pictured: Pictured | None
) -> list[RenderedFigure]:
    """Every figure that there is something to show for."""
    looks = looks_of(list(dict.fromkeys(one.group for one in measured)))
    with style():
        figures = [
            spectrum_figure(measured, looks),
            plane_figure(measured, looks),
            similarity_figure(measured),
            penalty_figure(measured, looks),
        ]
        if images is not None and pictured is not None:
            own = [one for one in measured if one.similarities is not None]
            classes, names = _classes(images, pictured)
            figures += [
                circle_figure(own, classes, names),
                map_figure(own, classes, names),
                neighbor_figure(own, images, pictured.asked.tolist()),
            ]
    return [figure for figure in figures if figure is not None]


def _classes(images: ImageSet, pictured: Pictured) -> tuple[list[int], list[str]]:
    """Class number 0, 1, ... of each shown image, and the classes' names."""
    if images.labels is None:
        return [0] * len(pictured.shown), ["images"]
    ids, places = torch.unique(images.required_labels()[pictured.shown], return_inverse=True)
    return places.tolist(), [_short(images.class_name(int(one))) for one in ids]


def _short(name: str) -> str:
    """The end of a long name, where names of one script or family differ."""
    own = name.rsplit("/", 1)[-1]
    return own if len(own) <= MAX_NAME else f"…{own[1 - MAX_NAME :]}"


def _page(table_html: str, figures: Sequence[RenderedFigure], what: str, measured: Sequence[Measured]) -> str:
    from markupsafe import Markup

    style = Path(__file__).parents[1] / "report" / "style.css"
    return render(
        Path(__file__).parent,
        "diagnosis.html.j2",
        style=Markup(style.read_text(encoding="utf-8")),
        title="Diagnosis of embeddings",
        what=what,
        findings=findings(measured),
        figures=[figure.entry for figure in figures],
        table=Markup(table_html),  # to_html escapes what it is given
    )
