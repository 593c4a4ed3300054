"""Training curves: one CSV line every `log_every` steps, the mean over those steps."""

from __future__ import annotations

import csv
from pathlib import Path

from metaclr.files import replacing

NAME = "curve.csv"
Row = dict[str, float]


class TrainingCurve:
    """Rows with columns step, views, loss, lr, the learner's metrics, views_per_second; in memory and in a file."""

    def __init__(self, folder: Path | None, rows: list[Row]) -> None:
        """Go on from a checkpoint's `rows`: what a lost run wrote after them is cut off."""
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
        with replacing(path) as file:  # one process writes it, so a killed write leaves nothing for good
            file.write("".join([*header, *map(_line, self.rows)]).encode())


def read(path: Path) -> list[Row]:
    """The rows of a curve file, without a line that was cut short."""
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(whole.splitlines())]


def _line(row: Row) -> str:
    # repr is the shortest text that reads back as the same float.
    return ",".join(repr(int(v)) if float(v).is_integer() else repr(float(v)) for v in row.values()) + "\n"
