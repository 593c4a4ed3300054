"""Training curves: one CSV line every `log_every` steps, the mean over those steps."""

from __future__ import annotations

import csv
from pathlib import Path

from metaclr.errors import UserError
from metaclr.files import replacing

NAME = "curve.csv"
Row = dict[str, float]


class TrainingCurve:
    """Rows with columns step, views, loss, lr, the learner's metrics, views_per_second; in memory and in a file."""

    def __init__(self, folder: Path | None, rows: list[Row]) -> None:
        """Continue a checkpoint's `rows`; lines that an interrupted run wrote after the checkpoint are removed."""
        self.path = None if folder is None else folder / NAME
        self.rows = list(rows)
        if self.path is not None and (self.rows or self.path.exists()):
            self._rewrite(self.path)

    def add(self, row: Row) -> None:
        """Append one row, one line of the file."""
        self.rows.append(row)
        if self.path is None:
            return
        if len(self.rows) == 1:
            self._rewrite(self.path)
            return
        with self.path.open("a", newline="") as file:
            file.write(_line(row))

    def _rewrite(self, path: Path) -> None:
        header = [",".join(self.rows[0]) + "\n"] if self.rows else []
        with replacing(path) as file:
            file.write("".join([*header, *map(_line, self.rows)]).encode())


def read(path: Path) -> list[Row]:
    """The rows of a curve file; an incomplete last line is dropped.

    Raises:
        UserError: the file is not a table of numbers; names the line.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    rows: list[Row] = []
    try:
        for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines(), strict=True):
            rows.append({name: float(value) for name, value in row.items()})  # noqa: PERF401 - the count is reported
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path}, line {len(rows) + 2}: {error}; delete the file, or restore it") from error
    return rows


def _line(row: Row) -> str:
    # repr is the shortest text that reads back as the same float.
    return ",".join(repr(int(v)) if float(v).is_integer() else repr(float(v)) for v in row.values()) + "\n"
