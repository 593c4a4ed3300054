"""The published figures that results are held against: figures.toml, each with its source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from metaclr.errors import UserError, unknown

_FILE = Path(__file__).with_name("figures.toml")
_CELL = re.compile(r"(\d+)w(\d+)s|(linear|knn)")


@dataclass(frozen=True)
class Cell:
    """What a figure measures: a few-shot task, or a probe; of one target, or of the only one ("")."""

    evaluator: str
    way: int | None = None
    shot: int | None = None
    target: str = ""

    def __str__(self) -> str:
        """As a table names it: "5-way 1-shot", "linear, cifar10"."""
        what = f"{self.way}-way {self.shot}-shot" if self.way else self.evaluator
        return f"{what}, {self.target}" if self.target else what


@dataclass(frozen=True)
class PublishedFigure:
    """One row of a published table: percent by cell. difference: to a reference method, in points.

    ci95: half-widths over episodes, of the cells where the source prints them. source: who says so, and where.
    """

    benchmark: str
    method: str
    source: str
    values: Mapping[Cell, float]
    ci95: Mapping[Cell, float] = field(default_factory=dict)
    difference: bool = False


def parse_cell(text: str) -> Cell:
    """ "5w1s", "linear", "linear cifar10" as a cell.

    Raises:
        UserError: anything else.
    """
    what, _, target = text.partition(" ")
    found = _CELL.fullmatch(what)
    if found is None:
        raise UserError(f"published figure {text!r}: a cell is 5w1s, linear or knn, and maybe a target")
    if found[3]:
        return Cell(found[3], target=target)
    return Cell("few-shot", int(found[1]), int(found[2]), target)


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """All figures, in the order of the file."""
    stored = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    sources = stored["sources"]
    return tuple(
        PublishedFigure(
            one["benchmark"],
            one["method"],
            sources[one["source"]],
            {parse_cell(cell): float(value) for cell, value in one["values"].items()},
            {parse_cell(cell): float(value) for cell, value in one.get("ci95", {}).items()},
            bool(one.get("difference", False)),
        )
        for one in stored["figures"]
    )


def published(benchmark: str, method: str) -> PublishedFigure:
    """One row. Raises UserError for an unknown benchmark or method, with the nearest."""
    rows = [one for one in published_figures() if one.benchmark == benchmark]
    if not rows:
        raise unknown("published benchmark", benchmark, {one.benchmark for one in published_figures()})
    for one in rows:
        if one.method == method:
            return one
    raise unknown(f"published row of {benchmark}", method, [one.method for one in rows])
