"""Columns of a table by words of their headings: "5-way 1-shot", "digits linear probe"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metaclr.errors import UserError
from metaclr.results.scores.table_column import TableColumn

MAX_LISTED = 12
"""Columns that an error lists."""


def column_title(column: TableColumn) -> str:
    """Target, group and heading: 'digits: few-shot: 5-way 1-shot'."""
    return f"{column.target}: {column.group}: {column.heading}"


def find_columns(words: str, columns: Sequence[TableColumn]) -> list[TableColumn]:
    """The columns whose titles have all these words, whatever their order and case.

    Raises:
        UserError: none has; lists the columns.
    """
    wanted = _words(words)
    found = [column for column in columns if wanted and wanted <= _words(column_title(column))]
    if not found:
        listed = "; ".join(column_title(column) for column in columns[:MAX_LISTED])
        more = "; ..." if len(columns) > MAX_LISTED else ""
        raise UserError(f"no column has the words {words!r}; there are: {listed}{more}")
    return found


def closest_column(words: str, columns: Sequence[TableColumn]) -> list[TableColumn]:
    """The columns that have the words, less those whose title only adds words to that of another: "method", "frozen".

    Raises:
        UserError: none has the words.
    """
    found = {column: _words(column_title(column)) for column in find_columns(words, columns)}
    return [column for column, title in found.items() if not any(other < title for other in found.values())]


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[\s,:()]+", text.lower()) if word}
