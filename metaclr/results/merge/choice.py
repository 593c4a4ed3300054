"""Some of a comparison's methods, in a chosen order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaclr.errors import UserError, unknown
from metaclr.results.store.folder import CONTROLS, Results


def only_methods(results: Results, methods: Sequence[str]) -> Results:
    """The results of these methods, in this order (controls stay last); tests are then between them.

    Raises:
        UserError: an unknown method (says the nearest); a walk, whose steps are compared with each other.
    """
    if results.walked is not None:
        raise UserError("--methods: the folder is that of a walk, whose steps are compared with each other")
    for method in methods:
        if method not in results.methods:
            raise unknown("method", method, results.methods)
    wanted = list(dict.fromkeys(methods))
    entries = {title: entry for entry in results.recipe.get("methods", ()) for title in [_title(entry)]}
    entries |= {title: {"name": title} for title in wanted if title not in entries and title not in CONTROLS}
    lost = {run for title, lines in results.failed.items() if title not in wanted for run in _runs(lines)}
    rows = tuple(row for row in results.rows if row.method in wanted)
    if not rows:
        raise UserError(f"--methods {', '.join(wanted)}: none of them has a result")
    ids = {row.id for row in rows}
    remarks = results.about.remarks
    if len(wanted) < len(results.methods):
        note = f"Methods: {len(wanted)} of {len(results.methods)}; tests are between these."
        remarks = (*remarks, note)
    return replace(
        results,
        rows=rows,
        items={key: value for key, value in results.items.items() if key in ids},
        recipe=dict(results.recipe) | {"methods": [entries[title] for title in wanted if title in entries]},
        about=replace(
            results.about,
            failures={run: reason for run, reason in results.about.failures.items() if run not in lost},
            remarks=remarks,
        ),
    )


def _title(entry: object) -> str:
    return str((entry.get("label") or entry["name"]) if isinstance(entry, dict) else entry)


def _runs(lines: Sequence[str]) -> list[str]:
    return [line.split(": ", 1)[0] for line in lines]
