"""All tables of a comparison: the main one, one for each family of evaluators, and their notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metaclr.errors import unknown
from metaclr.files import write_atomic
from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import Results
from metaclr.results.tables.cost import cost_table
from metaclr.results.tables.differences import differences_table
from metaclr.results.tables.formats import RENDERERS
from metaclr.results.tables.geometry import geometry_table
from metaclr.results.tables.layout import Table
from metaclr.results.tables.score_table import score_table
from metaclr.results.tables.transfer import transfer_table
from metaclr.results.tables.walk import walk_tables

FORMATS = ("csv", "md", "tex", "html")


def build_tables(results: Results, *, reference: str | None = None) -> list[Table]:
    """Every table that the results have something for, the main one first (of a walk, that of its steps).

    Args:
        reference: the method that the paired differences are against; default the control `untrained`, or
            the first method.

    Raises:
        UserError: an unknown reference, or rows that contradict each other.
    """
    summary = summarise(results)
    families = {
        "few-shot": ("few_shot", "Few-shot accuracy"),
        "linear": ("probes", "Linear probe and kNN on frozen features"),
        "knn": ("probes", "Linear probe and kNN on frozen features"),
        "low-label": ("low_label", "Accuracy from few labels"),
    }
    tables = [score_table(results, summary, "main", "Accuracy of every method", summary.tasks)]
    for name, title in dict.fromkeys(families.values()):
        of_family = [t for t in summary.tasks if families.get(t.family) == (name, title)]
        if of_family and len(of_family) < len(summary.tasks):
            tables.append(score_table(results, summary, name, title, of_family))
    more = (
        transfer_table(results, summary),
        differences_table(results, summary, reference),
        geometry_table(results, summary),
        cost_table(results),
    )
    return walk_tables(results, summary) + tables + [table for table in more if table is not None]


def write_tables(folder: Path, tables: Sequence[Table], formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write tables/NAME.{csv,md,tex,html} atomically. The same results give the same bytes.

    Raises:
        UserError: an unknown format.
    """
    paths = []
    for name in formats:
        if name not in RENDERERS:
            raise unknown("table format", name, RENDERERS)
        for table in tables:
            path = Path(folder) / "tables" / f"{table.name}.{name}"
            write_atomic(path, RENDERERS[name](table))
            paths.append(path)
    return paths
