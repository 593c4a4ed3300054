"""Figures of papers beside measured ones: set apart, each with its citation key, never tested against."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaclr.errors import UserError
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.tables.column_words import closest_column, column_title
from metaclr.results.tables.layout import Line, TableCell

HEADING = "published, under conditions of their own"
NOTE = (
    "Published: figures of the cited papers, with their own encoders, training and episodes; they are in no test, and "
    "never bold."
)
REQUIRED = ("method", "cite", "column", "value")
"""Columns of the file; `ci95` may be there too."""


@dataclass(frozen=True)
class PublishedRow:
    """One method of one paper. cells: column -> (accuracy in percent, half-width or None)."""

    method: str
    cite: str
    cells: Mapping[TableColumn, tuple[float, float | None]]


def read_published(path: Path, columns: Sequence[TableColumn]) -> list[PublishedRow]:
    """Read a CSV file of published figures, one a line.

    Its columns: method; cite, the BibTeX key of the paper; column, words that name one column of the table, such as
    "omniglot:test 5-way 1-shot"; value in percent; ci95, a half-width in percent points, may be empty or missing.

    Raises:
        UserError: no such file, a missing column, no or several table columns of those words, a value that is not in
            [0, 100]. Names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; it needs {', '.join(REQUIRED)}, and may have ci95")
    found: dict[tuple[str, str], dict[TableColumn, tuple[float, float | None]]] = {}
    for record in reader:
        where = f"{path}, line {reader.line_num}"
        if any(not (record[name] or "").strip() for name in REQUIRED):
            raise UserError(f"{where}: empty; {', '.join(REQUIRED)} are needed")
        method, cite, words = (str(record[name]).strip() for name in ("method", "cite", "column"))
        if not re.fullmatch(r"[\w:.+/-]+", cite, flags=re.ASCII):
            raise UserError(
                f"{where}: cite is {cite!r}; it must be a BibTeX key: letters, digits, and any of : . + / - _"
            )
        column = _column(words, columns, where)
        cells = found.setdefault((method, cite), {})
        if column in cells:
            raise UserError(f"{where}: {method} has two figures for {column_title(column)}")
        half = (record.get("ci95") or "").strip()
        value = _number(str(record["value"]), "value", where)
        cells[column] = value, _number(half, "ci95", where) if half else None
    return [PublishedRow(method, cite, cells) for (method, cite), cells in found.items()]


def published_lines(rows: Sequence[PublishedRow], columns: Sequence[TableColumn]) -> tuple[Line, ...]:
    """Lines under a heading of their own, of the rows with a figure for one of the columns."""
    shown = [row for row in rows if any(column in row.cells for column in columns)]
    return tuple(
        Line(row.method, tuple(_cell(row, c) for c in columns), not i, "" if i else HEADING, row.cite)
        for i, row in enumerate(shown)
    )


def published_records(rows: Sequence[PublishedRow], columns: Sequence[TableColumn]) -> list[dict[str, Any]]:
    """The same figures for CSV, with the citation key in a column of its own."""
    return [
        table_column_record(column) | {"method": row.method, "value": value, "ci95": half, "bold": 0, "cite": row.cite}
        for row in rows
        for column, (value, half) in row.cells.items()
        if column in columns
    ]


def _cell(row: PublishedRow, column: TableColumn) -> TableCell:
    return TableCell(*row.cells[column]) if column in row.cells else TableCell(text="–")


def _column(words: str, columns: Sequence[TableColumn], where: str) -> TableColumn:
    try:
        found = closest_column(words, columns)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if len(found) > 1:
        listed = "; ".join(column_title(column) for column in found)
        raise UserError(f"{where}: {words!r} may be {listed}; add a word")
    return found[0]


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise UserError(f"{where}: {name} is {text!r}; it must be a number in percent, 0 to 100")
    return value
