"""One self-contained page that a colleague can open: the finding, tables to sort and filter, figures, images, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from metaclr.files import write_atomic
from metaclr.page_templates import render
from metaclr.results.figures.style import RenderedFigure
from metaclr.results.report.downloads import downloads
from metaclr.results.report.headline import caution, headlines, tally
from metaclr.results.report.paper_links import with_links
from metaclr.results.report.score_grid import Grid, score_grids
from metaclr.results.report.sprites import sheet_picture
from metaclr.results.report.target_sections import target_sections
from metaclr.results.report.training_panels import training_panels
from metaclr.results.scores.geometry import collapsed_runs, headline_columns
from metaclr.results.scores.summary import summarise
from metaclr.results.scores.sweep import sweep_headlines
from metaclr.results.scores.unanswered import unanswered
from metaclr.results.store.folder import Results
from metaclr.results.store.inspections import ViewSheet
from metaclr.results.tables.footnotes import fixed_settings
from metaclr.results.tables.formats import to_html
from metaclr.results.tables.layout import Table
from metaclr.results.tables.walk import walk_headlines

IN_GRIDS = ("main", "few_shot", "probes", "low_label")
"""Tables whose numbers are all in the page's own tables of scores."""

KINDS = (("no labels", "without labels"), ("labels", "with labels"), ("control", "controls"), ("", "others"))
"""Kinds of methods, and the words on their buttons."""


def write_report(folder: Path, results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> Path:
    """Write report.html atomically: images, files and script inside, nothing loaded from elsewhere."""
    path = Path(folder) / "report.html"
    write_atomic(path, render_report(results, tables, figures))
    return path


def render_report(results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> str:
    """The page as text. The same results give the same bytes; nothing in it is a date or a path of its own."""
    return render(Path(__file__).parent, "report.html.j2", **_content(results, tables, figures))


def _content(results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> dict[str, Any]:
    from markupsafe import Markup

    summary = summarise(results)
    recipe = results.recipe
    grids, panels = score_grids(results, summary), training_panels(results)
    main = next((table for table in tables if table.name == "main"), None)
    printed = set(main.notes) if main else set()
    walk: list[Markup] = []
    others: list[Markup] = []
    for table in (table for table in tables if table.name not in IN_GRIDS):
        fresh = replace(table, notes=tuple(note for note in table.notes if note not in printed))
        # to_html escapes what it is given, so its text may go into the page as it is.
        (walk if table.name.startswith("bridge") else others).append(Markup(to_html(fresh)))
    pictures = [f.entry for f in figures if not (panels and f.name.startswith("training"))]
    swept = [line for task in headline_columns(summary) for line in sweep_headlines(results, summary, task)]
    environments = dict.fromkeys(row.environment for row in results.rows if row.environment)
    return {
        "title": str(recipe.get("name") or "comparison"),
        "about": str(recipe.get("description") or ""),
        "headlines": [*walk_headlines(results, summary), *swept, *([] if swept else headlines(summary))],
        "tally": tally(summary),
        "caution": "" if results.from_elsewhere else caution(summary),
        "fixed": fixed_settings(results),
        "methods": _methods(results),
        "main": walk,
        "grids": grids,
        "several_sources": len({grid.source for grid in grids}) > 1,
        "filters": _filters(grids),
        # Remarks stand with the data and the audit.
        "notes": [note for note in main.notes if note not in results.about.remarks] if main else [],
        "tables": others,
        "figures": pictures,
        "panels": panels,
        "targets": target_sections(results),
        "seed_note": " First training seed." if len({row.seed for row in results.rows}) > 1 else "",
        "sheets": [_sheet(sheet) for sheet in results.pictures.views],
        "downloads": downloads(results, tables, figures),
        "failures": [line for lines in results.failed.values() for line in lines],
        "collapsed": collapsed_runs(results),
        "remarks": (*results.about.remarks, *unanswered(results, summary)),
        "audit": results.about.audit,
        "environment": dict(results.about.environment) or {"machine": "; ".join(environments)},
        "command": results.about.command,
        "recipe": results.recipe_text,
        "style": Markup(_text("style.css")),
        "script": Markup(_text("report.js")),
    }


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _filters(grids: Sequence[Grid]) -> dict[str, Any]:
    """What the tables can be filtered by."""
    rows = [row for grid in grids for row in grid.rows]
    kinds = {row.kind for row in rows}
    return {
        "families": list(dict.fromkeys(row.family for row in rows if row.family)),
        "targets": list(dict.fromkeys(grid.target for grid in grids)),
        "kinds": [pair for pair in KINDS if pair[0] in kinds],
        "columns": list(dict.fromkeys(column.kind for grid in grids for column in grid.columns)),
    }


def _sheet(sheet: ViewSheet) -> dict[str, str]:
    heads = [(head, len(list(group))) for head, group in groupby(sheet.heads[1:])]
    return {
        "source": sheet.source,
        "views": sheet.views,
        "methods": ", ".join(sheet.methods),
        "heads": " and ".join(f"{count} {head if head == 'view' else f'{head} view'}s" for head, count in heads),
        "href": sheet_picture(sheet),
    }


def _methods(results: Results) -> list[dict[str, str]]:
    """What differed: each method's line, and what the recipe overrides for it."""
    entries = {(m.get("label") or m["name"]): m for m in results.recipe.get("methods", ()) if not isinstance(m, str)}
    lines = []
    for title in results.methods:
        entry = entries.get(title, {})
        own = ("projector", "views", "label_share", "label_noise")
        settings = dict(entry.get("settings", {})) | {k: entry[k] for k in own if k in entry}
        settings |= entry.get("overrides", {})
        facts = dict(results.about.methods.get(title, {}))
        lines.append(
            {
                "title": title,
                "summary": facts.get("summary", ""),
                "reference": with_links(facts.get("reference", "")),
                "labels": facts.get("labels", ""),
                "settings": ", ".join(f"{key} = {value}" for key, value in settings.items()),
            }
        )
    return lines
