"""A correlation and its interval in one cell."""

from __future__ import annotations

from metaclr.results.tables.layout import TableCell


def correlation_cell(value: float | None, low: float | None, high: float | None) -> TableCell:
    """`+0.71 [−0.36, +0.97]`, without bounds that are not known; a dash for no value."""
    if value is None:
        return TableCell(text="–")
    interval = "" if low is None or high is None else f" [{low:+.2f}, {high:+.2f}]"
    return TableCell(text=f"{value:+.2f}{interval}".replace("-", "−"))
