"""One self-contained page that a colleague can open: the finding, what was held fixed, tables, figures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaclr.files import write_atomic
from metaclr.results.figures.style import RenderedFigure
from metaclr.results.report.headline import caution, headlines, tally
from metaclr.results.scores.geometry import collapsed_runs, headline_columns
from metaclr.results.scores.summary import summarise
from metaclr.results.scores.sweep import sweep_headlines
from metaclr.results.store.folder import Results
from metaclr.results.tables.footnotes import fixed_settings
from metaclr.results.tables.formats import to_html
from metaclr.results.tables.layout import Table
from metaclr.results.tables.walk import walk_headlines


def write_report(folder: Path, results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> Path:
    """Write report.html atomically: images inside, no reference to anything outside the file."""
    path = Path(folder) / "report.html"
    write_atomic(path, render_report(results, tables, figures))
    return path


def render_report(results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> str:
    """The page as text. The same results give the same bytes; nothing in it is a date or a path of its own."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2").render(**_content(results, tables, figures))


def _content(results: Results, tables: Sequence[Table], figures: Sequence[RenderedFigure]) -> dict[str, Any]:
    from markupsafe import Markup

    summary = summarise(results)
    recipe = results.recipe
    # to_html escapes what it is given, so its text may go into the page as it is.
    printed = set(tables[0].notes) if tables else set()
    html = [(tables[0].name, Markup(to_html(tables[0])))] if tables else []
    for table in tables[1:]:
        fresh = tuple(note for note in table.notes if note not in printed)
        html.append((table.name, Markup(to_html(replace(table, notes=fresh)))))
    pictures = [
        {"name": f.name, "title": f.title, "caption": f.caption, "data": base64.b64encode(f.png).decode()}
        for f in figures
    ]
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
        "main": [text for _, text in html[:1]],
        "tables": [text for _, text in html[1:]],
        "figures": pictures,
        "failures": [line for lines in results.failed.values() for line in lines],
        "collapsed": collapsed_runs(results),
        "remarks": results.about.remarks,
        "audit": results.about.audit,
        "environment": dict(results.about.environment) or {"machine": "; ".join(environments)},
        "command": results.about.command,
        "recipe": results.recipe_text,
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
                "reference": facts.get("reference", ""),
                "labels": facts.get("labels", ""),
                "settings": ", ".join(f"{key} = {value}" for key, value in settings.items()),
            }
        )
    return lines
