"""What training cost: the same views for everybody do not take the same time."""

from __future__ import annotations

from functools import partial
from typing import Any

from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row
from metaclr.results.tables.layout import Block, Line, Table, TableCell, family_headings

HEADS = ("runs", "steps", "views seen", "seconds", "views/s")


def cost_table(results: Results) -> Table | None:
    """Steps, views, seconds and views per second of each trained method, per run; None where none is timed."""
    runs: dict[str, dict[str, Row]] = {}
    for row in results.rows:
        if row.steps > 0 and row.train_seconds > 0:
            runs.setdefault(row.method, {})[row.run] = row
    records = [_record(m, list(runs[m].values())) for m in results.methods if m in runs]
    if not records:
        return None
    machines = dict.fromkeys(row.environment for of in runs.values() for row in of.values() if row.environment)
    notes = ["Per training run, mean over runs; without evaluation."]
    notes += [f"Measured on: {'; '.join(machines)}."] if machines else []
    lay = partial(_blocks, records, results.families)
    return Table("cost", "Cost of training", lay, tuple(notes), tuple(records))


def _record(method: str, runs: list[Row]) -> dict[str, Any]:
    count = len(runs)
    seconds, views = sum(r.train_seconds for r in runs) / count, sum(r.train_views for r in runs) / count
    return {
        "method": method,
        "runs": count,
        "steps": sum(r.steps for r in runs) / count,
        "views": views,
        "seconds": seconds,
        "views_per_second": views / seconds,
    }


def _blocks(records: list[dict[str, Any]], families: dict[str, str], columns: int) -> tuple[Block, ...]:
    # Five short columns are never too wide, so `columns` has no say.
    lines: list[Line] = []
    headings = family_headings([record["method"] for record in records], families)
    for record in records:
        texts = [f"{record[key]:,.0f}" for key in ("runs", "steps", "views")]
        texts += [f"{record['seconds']:,.1f}", f"{record['views_per_second']:,.0f}"]
        entries = tuple(TableCell(text=text) for text in texts)
        lines.append(Line(record["method"], entries, heading=headings.get(record["method"], "")))
    return (Block("", tuple(("", head) for head in HEADS), tuple(lines)),)
