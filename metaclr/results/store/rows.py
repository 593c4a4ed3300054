"""One row per measurement: the schema of rows.csv, written and read without losing a bit."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """One measurement of one run. `value` is in percent, `ci95` and `ci95_episodes` are half-widths in percent points.

    `ci95` speaks about what an evaluator samples: new classes of the same kind for few-shot results (None where that is
    undefined), test images or label subsets elsewhere. `ci95_episodes` speaks about other episodes of the same pool of
    classes and images, and is None for everything but few-shot results.

    `way` and `shot` are None where the evaluator has none, `label_subset` is empty where all labels were used.
    `protocol` names the items and the way of judging: rows with the same protocol can be compared in pairs.
    `train_seconds` and `train_views` count the training of the run, not its evaluation. An interval of NaN becomes
    None. The last six describe the run's features on the target, whatever the evaluator (`metaclr.diagnose`), and are
    None where they were not measured; `tolerance` alone needs labels.

    Raises:
        UserError: a value that is not finite, a negative interval, no items, an empty name.
    """

    run: str
    method: str
    source: str
    target: str
    encoder: str
    seed: int
    steps: int
    evaluator: str
    way: int | None
    shot: int | None
    label_subset: str
    metric: str
    value: float
    ci95: float | None
    n_items: int
    ci95_episodes: float | None = None
    protocol: str = ""
    environment: str = ""
    train_seconds: float = 0.0
    train_views: int = 0
    alignment: float | None = None
    uniformity: float | None = None
    rank: float | None = None
    lidar: float | None = None
    spread: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        for name in ("ci95", "ci95_episodes"):
            half = getattr(self, name)
            if half is not None and math.isnan(half):
                object.__setattr__(self, name, None)
            elif half is not None and not (math.isfinite(half) and half >= 0):
                raise UserError(f"row of run {self.run!r}: {name} is {half}; it must be 0 or more, or empty")
        for name in ("run", "method", "target", "evaluator", "metric"):
            if not getattr(self, name):
                raise UserError(f"row: {name} is empty")
        if not math.isfinite(self.value):
            raise UserError(f"row of run {self.run!r}: value is {self.value}; it must be a finite number")
        if self.n_items < 1:
            raise UserError(f"row of run {self.run!r}: n_items is {self.n_items}; it must be 1 or more")

    @property
    def protocol_pairs(self) -> dict[str, str]:
        """The `key=value; ...` pairs of the protocol, without its hash; {} where it has none."""
        pairs = re.findall(r"\s*([^=;]+?)\s*=\s*([^;]*)", self.protocol.split(": ", 1)[-1])
        return {key: value.strip() for key, value in pairs}

    @property
    def id(self) -> str:
        """Names the measurement, not its value: readable, fit for a file name, key of its per-item array."""
        parts = (self.run, self.target, self.evaluator, self.way, self.shot, self.label_subset, self.metric)
        text = "\x1f".join("" if part is None else str(part) for part in parts)
        shape = f"{self.way}w{self.shot}s" if self.way is not None else self.label_subset
        slug = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.run} {self.target} {self.evaluator} {shape}").strip("-")
        return f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


COLUMNS = tuple(field.name for field in fields(Row))
"""The columns of rows.csv, in order."""

REQUIRED = tuple(field.name for field in fields(Row) if field.default is MISSING)
"""Columns that a rows.csv must have; the others may be missing."""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows.csv atomically. Floats are written so that reading gives the same float."""
    write_atomic(path, rows_csv(rows))


def rows_csv(rows: Iterable[Row]) -> str:
    """The text of a rows.csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow("" if v is None else repr(float(v)) if isinstance(v, float) else v for v in astuple(row))
    return buffer.getvalue()


def read_rows(path: Path) -> list[Row]:
    """Read a rows.csv. Columns that are not in the schema are left alone.

    Raises:
        UserError: no such file, a missing column, a value of the wrong type (names line, column, value).
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; a rows.csv has {', '.join(REQUIRED)}")
    return [_parse(record, f"{path}, line {reader.line_num}") for record in reader]


def merge(parts: Iterable[Sequence[Row]]) -> list[Row]:
    """The rows of several runs as one table, in the order given.

    Raises:
        UserError: the same measurement of the same run twice.
    """
    merged: dict[str, Row] = {}
    for row in (row for part in parts for row in part):
        if row.id in merged:
            raise UserError(f"run {row.run!r} has two rows for {row.target}, {row.evaluator} ({row.id})")
        merged[row.id] = row
    return list(merged.values())


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows whose columns have the given values: `select(rows, target="digits", way=5)`.

    Raises:
        UserError: no such column.
    """
    for name in wanted:
        if name not in COLUMNS:
            raise UserError(f"rows have no column {name!r}; there are: {', '.join(COLUMNS)}")
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a pandas DataFrame; `way` and `shot` are nullable integers."""
    import pandas as pd

    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    return frame.astype({"way": "Int64", "shot": "Int64"})


def from_frame(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame that `to_frame` made.

    >>> row = Row("r", "simclr", "a", "b", "conv4", 0, 9, "knn", None, None, "all", "accuracy", 50.0, None, 10)
    >>> from_frame(to_frame([row])) == [row]
    True
    """
    import pandas as pd

    plain = frame.astype(object).where(pd.notna(frame), None)
    return [Row(**{str(name): value for name, value in record.items()}) for record in plain.to_dict("records")]


def _parse(record: Mapping[str, str | None], where: str) -> Row:
    values: dict[str, Any] = {}
    for field in fields(Row):
        text = record.get(field.name)
        if text is None or (text == "" and field.default is not MISSING):
            if field.default is MISSING:
                raise UserError(f"{where}: fewer fields than columns")
            continue
        try:
            values[field.name] = _PARSERS[str(field.type)](text)
        except ValueError as error:
            raise UserError(f"{where}: {field.name} is {text!r}; it must be {_LEGAL[str(field.type)]}") from error
    try:
        return Row(**values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _number(text: str) -> int:
    # A spreadsheet writes 5 as 5.0.
    return int(text) if "." not in text else int(_whole(float(text)))


def _whole(value: float) -> float:
    if not value.is_integer():
        raise ValueError(value)
    return value


_PARSERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _number,
    "float": float,
    "int | None": lambda text: None if text == "" else _number(text),
    "float | None": lambda text: None if text == "" else float(text),
}
_LEGAL = {
    "int": "a whole number",
    "float": "a number",
    "int | None": "a whole number or empty",
    "float | None": "a number or empty",
}
