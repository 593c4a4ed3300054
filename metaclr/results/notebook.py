"""Results as a table in a notebook cell."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import Results, load
from metaclr.results.store.rows import Row
from metaclr.results.tables.formats import to_html
from metaclr.results.tables.score_table import score_table
from metaclr.results.tables.walk import walk_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE = """<style>
.metaclr-results { font-size: 0.9em; font-variant-numeric: tabular-nums; }
.metaclr-results h3 { margin: 0.4em 0; font-size: 1.1em; }
.metaclr-results .scroll { overflow-x: auto; }
.metaclr-results table { border-collapse: collapse; border-block: 1.5px solid currentColor; margin: 0.3em 0 0.8em; }
.metaclr-results caption { text-align: left; font-weight: 600; padding-bottom: 0.2em; }
.metaclr-results th, .metaclr-results td { padding: 0.2em 0.7em; text-align: right; white-space: nowrap;
  background: none; font-weight: inherit; }
.metaclr-results th[scope=row], .metaclr-results tr:first-child th:first-child { text-align: left; }
.metaclr-results th[colspan] { text-align: center; }
.metaclr-results thead tr:last-child th, .metaclr-results tr.rule > * { border: 0 solid #8888; }
.metaclr-results thead tr:last-child th { border-bottom-width: 1px; }
.metaclr-results tr.rule > * { border-top-width: 1px; }
.metaclr-results small { opacity: 0.7; }
.metaclr-results summary { cursor: pointer; }
</style>
"""


def results_html(folder: Path, rows: Sequence[Row], failures: Mapping[str, str], *, numbers: str) -> str:
    """The main table of a comparison (of a walk, that of its steps) as HTML, notes folded.

    Args:
        rows: shown without tests and bold entries where the folder is gone (an evaluation without `out`).
        failures: run -> reason. numbers: where all of them are, in words.
    """
    results = load(folder) if (folder / "rows.csv").is_file() else Results(tuple(rows))
    summary = summarise(results)
    tables = walk_tables(results, summary)[:1]
    tables = tables or [score_table(results, summary, "main", "Accuracy of every method", summary.tasks)]
    page, _, notes = to_html(tables[0]).partition('<ul class="notes">')
    folded = f'<details><summary>How to read it</summary><ul class="notes">{notes}' if notes else ""
    folded = folded.replace("</section>", "</details></section>")
    failed = "".join(f"<p>Failed: {escape(run)}: {escape(reason)}</p>" for run, reason in failures.items())
    report = folder / "report.html"
    where = f"<p>{escape(numbers)}" + (
        f"; report: <code>{escape(str(report))}</code></p>" if report.is_file() else "</p>"
    )
    return f'{_STYLE}<div class="metaclr-results">{page}{folded}{failed}{where}</div>'
