"""Rows, tables, figures and the report: pure functions of a comparison folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaclr.results.store.folder import Results


def write_all(folder: Path, *, reference: str | None = None, failures: Mapping[str, str] | None = None) -> Results:
    """Write tables/, figures/ and report.html of a comparison folder from its rows.

    Args:
        reference: the method that the paired differences are against; default the control `untrained`.
        failures: run -> reason; default what about.json says.

    Raises:
        UserError: no rows.csv, an unknown reference, or rows that contradict each other.
    """
    from metaclr.results.figures.all_figures import draw_figures, write_figures
    from metaclr.results.report.report import write_report
    from metaclr.results.store.folder import load
    from metaclr.results.tables.all_tables import build_tables, write_tables

    results = load(folder, failures=failures)
    tables = build_tables(results, reference=reference)
    figures = draw_figures(results)
    write_tables(folder, tables)
    write_figures(folder, figures)
    write_report(folder, results, tables, figures)
    return results
