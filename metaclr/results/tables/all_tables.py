"""All tables of a comparison: the main one, one for each family of evaluators, and their notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaclr.errors import unknown
from metaclr.files import write_atomic
from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import Results
from metaclr.results.tables.agreement import agreement_table
from metaclr.results.tables.column_words import find_columns
from metaclr.results.tables.cost import cost_table
from metaclr.results.tables.differences import differences_table
from metaclr.results.tables.difficulty import difficulty_table
from metaclr.results.tables.formats import RENDERERS
from metaclr.results.tables.geometry import geometry_table
from metaclr.results.tables.heads import heads_table
from metaclr.results.tables.layout import Table
from metaclr.results.tables.published import read_published
from metaclr.results.tables.ranking import ranking_table
from metaclr.results.tables.score_table import score_table
from metaclr.results.tables.transfer import transfer_table
from metaclr.results.tables.walk import walk_tables

FORMATS = ("csv", "md", "tex", "html")


def build_tables(
    results: Results, *, reference: str | None = None, columns: Sequence[str] = (), published: Path | None = None
) -> list[Table]:
    """Every table that the results have something for, the main one first (of a walk, that of its steps).

    Args:
        reference: the method that the paired differences are against; default the control `untrained`, or
            the first method.
        columns: words of the columns to show, in their order: "5-way 1-shot", "digits kNN"; default all. Bold entries
            and p values stay those of all columns.
        published: a CSV file with figures of papers, see `read_published`.

    Raises:
        UserError: an unknown reference or column, rows that contradict each other, or a file that does not fit.
    """
    every = summarise(results)
    chosen = tuple(dict.fromkeys(column for words in columns for column in find_columns(words, every.tasks)))
    if chosen and len(chosen) < len(every.tasks):
        note = f"Columns: {len(chosen)} of {len(every.tasks)}; tests are corrected over all."
        results = replace(results, about=replace(results.about, remarks=(*results.about.remarks, note)))
    summary = replace(every, tasks=chosen) if chosen else every
    rows = read_published(published, summary.tasks) if published else []
    families = {
        "few-shot": ("few_shot", "Few-shot accuracy"),
        "linear": ("probes", "Linear probe and kNN on frozen features"),
        "knn": ("probes", "Linear probe and kNN on frozen features"),
        "low-label": ("low_label", "Accuracy from few labels"),
    }
    tables = [score_table(results, summary, "main", "Accuracy of every method", summary.tasks, rows)]
    for name, title in dict.fromkeys(families.values()):
        of_family = [t for t in summary.tasks if families.get(t.family) == (name, title)]
        if of_family and len(of_family) < len(summary.tasks):
            tables.append(score_table(results, summary, name, title, of_family, rows))
    more = (
        transfer_table(results, summary),
        heads_table(results, summary),
        differences_table(results, every, reference, summary.tasks),
        geometry_table(results, summary),
        ranking_table(summary),
        agreement_table(summary),
        difficulty_table(results, summary),
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
