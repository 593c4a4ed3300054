"""The numbers of a comparison as files inside the page, so that a page that was mailed still gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaclr.data_uri import data_uri
from metaclr.results.figures.style import RenderedFigure
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import rows_csv
from metaclr.results.tables.formats import RENDERERS
from metaclr.results.tables.layout import Table

_TYPES = {"csv": "text/csv", "md": "text/markdown", "tex": "text/x-tex", "toml": "text/plain", "pdf": "application/pdf"}
_TABLE_FORMATS = ("csv", "tex", "md")


@dataclass(frozen=True)
class Download:
    """A file inside the page: its name and its content as a data URI."""

    name: str
    href: str


def downloads(
    results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]
) -> list[tuple[str, list[Download]]]:
    """(what, files) pairs: all measurements, the recipe, every table in three formats, every figure as PDF."""
    whole = [_download("rows.csv", rows_csv(results.rows))]
    whole += [_download("recipe.toml", results.recipe_text)] if results.recipe_text else []
    found = [("all measurements, and the recipe", whole)]
    found += [
        (table.title, [_download(f"{table.name}.{kind}", RENDERERS[kind](table)) for kind in _TABLE_FORMATS])
        for table in tables
    ]
    found += [(figure.title, [_download(f"{figure.name}.pdf", figure.pdf)]) for figure in figures]
    return found


def _download(name: str, content: str | bytes) -> Download:
    whole = content.encode() if isinstance(content, str) else content
    return Download(name, data_uri(whole, _TYPES[name.rpartition(".")[2]]))
