"""A table before it has a format: blocks of lines of entries, narrow enough to read, and its notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from metaclr.results.scores.table_column import TableColumn


@dataclass(frozen=True)
class TableCell:
    """One number with its interval and spread over seeds, in percent (points), or a word such as 'failed'."""

    value: float | None = None
    half: float | None = None
    sd: float | None = None
    bold: bool = False
    signed: bool = False
    text: str = ""
    decimals: int | None = None
    """Digits after the point; None: one, or two where the interval is below 0.1."""

    @property
    def number(self) -> str:
        """'73.1', with two decimals where the interval is below 0.1; or the word."""
        return self.text if self.value is None else f"{self.value:{'+' if self.signed else ''}.{self._decimals}f}"

    @property
    def interval(self) -> str:
        """'± 0.4', or ''."""
        return "" if self.value is None or self.half is None else f"± {self.half:.{self._decimals}f}"

    @property
    def spread(self) -> str:
        """'(0.6)', the standard deviation over seeds, or ''. Notes say what the parenthesis is."""
        return "" if self.value is None or self.sd is None else f"({self.sd:.{self._decimals}f})"

    @property
    def remark(self) -> str:
        """A word beside a number ('n.s.'), or ''."""
        return self.text if self.value is not None else ""

    @property
    def rest(self) -> str:
        """What follows the number: '± 0.4 (0.6)'."""
        return " ".join(part for part in (self.interval, self.spread, self.remark) if part)

    @property
    def plain(self) -> str:
        """'73.1 ± 0.4 (0.6)'."""
        return f"{self.number} {self.rest}".rstrip()

    @property
    def _decimals(self) -> int:
        if self.decimals is not None:
            return self.decimals
        return 2 if self.half is not None and 0 < self.half < 0.095 else 1


def family_headings(methods: Sequence[str], families: Mapping[str, str]) -> dict[str, str]:
    """The heading above the first method of each family, by method; empty where there are no families."""
    firsts = {families[method]: method for method in reversed(methods) if method in families}
    return {method: family for family, method in firsts.items()}


@dataclass(frozen=True)
class Line:
    """One method's entries; `rule` sets it apart from the line above, and `heading` is a line of its own above it.

    cite: BibTeX key of the paper that published the entries, or "".
    """

    label: str
    entries: tuple[TableCell, ...]
    rule: bool = False
    heading: str = ""
    cite: str = ""

    @property
    def name(self) -> str:
        """The label, with the key of its paper where it has one: 'ProtoNet [snell2017protonet]'."""
        return f"{self.label} [{self.cite}]" if self.cite else self.label


@dataclass(frozen=True)
class Block:
    """Columns that stand side by side: (group, column) headings, and lines."""

    title: str
    heads: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    corner: str = "method"

    @property
    def spans(self) -> list[tuple[str, int]]:
        """The groups of the upper heading, each with its number of columns."""
        return [(group, len(list(heads))) for group, heads in groupby(self.heads, key=lambda head: head[0])]


@dataclass(frozen=True)
class Table:
    """Blocks with one caption, one set of footnotes, and the same numbers as tidy records for CSV.

    lay(columns): the blocks, none with more columns than that. notes: all of them; short_notes: those without which the
    numbers could be misread, all where it is None. label: of LaTeX, "tab:NAME" where it is empty.
    """

    name: str
    title: str
    lay: Callable[[int], tuple[Block, ...]]
    notes: tuple[str, ...] = ()
    records: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    short_notes: tuple[str, ...] | None = None
    label: str = ""


def split(tasks: Sequence[TableColumn], limit: int) -> list[list[TableColumn]]:
    """Tasks in parts of at most `limit` columns; cut between targets, then evaluators, before within one.

    A part never mixes sources, and targets only where all tasks fit into a single part.
    """
    if len({t.source for t in tasks}) == 1 and len(tasks) <= limit:
        return [list(tasks)]
    targets = groupby(tasks, key=lambda t: (t.source, t.target))
    return [part for _, of_target in targets for part in _within(list(of_target), limit)]


def _within(tasks: list[TableColumn], limit: int) -> list[list[TableColumn]]:
    if len(tasks) <= limit:
        return [tasks]
    parts: list[list[TableColumn]] = []
    for _, some in groupby(tasks, key=lambda t: t.family == "low-label"):
        half = list(some)
        if len(half) <= limit:
            parts.append(half)
            continue
        packed: list[list[TableColumn]] = []
        for _, group in groupby(half, key=lambda t: t.group):
            for chunk in _chunks(list(group), limit):
                if packed and len(packed[-1]) + len(chunk) <= limit:
                    packed[-1] += chunk
                else:
                    packed.append(chunk)
        parts += packed
    return parts


def _chunks(tasks: list[TableColumn], limit: int) -> list[list[TableColumn]]:
    """As few parts as can be, as even as can be."""
    size = -(-len(tasks) // -(-len(tasks) // limit))
    return [tasks[i : i + size] for i in range(0, len(tasks), size)]
