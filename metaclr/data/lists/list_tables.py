"""Tables of text files as header and rows: .csv and .tsv in any dialect, .jsonl, and .txt with a path on each line."""

from __future__ import annotations

import codecs
import csv
import json
from pathlib import Path

from metaclr.errors import UserError

TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".txt")
_SEPARATORS = ",;\t|"

Table = tuple[list[str], list[list[str]]]
"""Header and rows; every row has the cells of the header."""


def read_table(path: Path) -> Table:
    """Header and rows of a table. The header of a .txt file, and of a .csv file that has none, is its first row.

    UTF-8, or UTF-16 with its mark; cells apart by comma, semicolon, tab or bar, and by blanks in .txt; lines that begin
    with # before the header are skipped.

    Raises:
        UserError: a file that cannot be read as text, or a row with fewer or more cells than the header.
    """
    text = _text(path)
    if path.suffix.lower() == ".jsonl":
        return _json_lines(path, text)
    lines = text.splitlines()
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
        lines.pop(0)
    if not lines:
        return [], []
    separator = max(_SEPARATORS, key=lines[0].count)
    if path.suffix.lower() == ".txt" and separator not in lines[0]:
        cells = _by_blanks([line for line in lines if line.strip()])
    else:
        cells = [row for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)]
    header, *rows = cells
    for number, row in enumerate(rows, start=2):
        if len(row) < len(header):
            raise UserError(f"{path}: row {number} has {len(row)} of {len(header)} columns")
        if any(cell.strip() for cell in row[len(header) :]):
            raise UserError(
                f"{path}: row {number} has {len(row)} columns, and the header {len(header)}; put quotes around cells"
                f" that hold {separator!r}"
            )
    return header, [row[: len(header)] for row in rows]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable list of images ({error}); save it as UTF-8") from error


def _by_blanks(lines: list[str]) -> list[list[str]]:
    """A path on each line, with a label behind it where every line has one."""
    cells = [line.strip().rsplit(maxsplit=1) for line in lines]
    return cells if all(len(row) == 2 for row in cells) else [[line.strip()] for line in lines]


def _json_lines(path: Path, text: str) -> Table:
    try:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise UserError(f"{path}: not a readable list of images ({error})") from error
    if not all(isinstance(one, dict) for one in found):
        return [], []
    header = list(dict.fromkeys(key for one in found for key in one))
    return header, [[str(one.get(key, "")) for key in header] for one in found]
