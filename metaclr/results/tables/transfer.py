"""The transfer matrix: accuracy on each target of an encoder trained on each source."""

from __future__ import annotations

from functools import partial

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.footnotes import footnotes, short_footnotes
from metaclr.results.tables.layout import Block, Line, Table, TableCell


def transfer_settings(summary: Summary) -> list[TableColumn]:
    """Settings (tasks without source and target) shown as a matrix: measured on more than one source or target.

    Low-label settings are left out: their number of labels differs by target.
    """
    where: dict[TableColumn, set[tuple[str, str]]] = {}
    for task in summary.tasks:
        if task.family != "low-label":
            where.setdefault(task.setting, set()).add((task.source, task.target))
    return [setting for setting, places in where.items() if len(places) > 1]


def transfer_lines(summary: Summary) -> list[tuple[str, str, str]]:
    """(label, method, source) of every line of a matrix: method within source."""
    sources = list(dict.fromkeys(t.source for t in summary.tasks))
    have = {(method, task.source) for method, task in summary.scores}
    return [
        (f"{m} (on {s})" if len(sources) > 1 else m, m, s) for s in sources for m in summary.methods if (m, s) in have
    ]


def transfer_table(results: Results, summary: Summary) -> Table | None:
    """Lines method and source, columns targets, one block per setting; None where there is one place only."""
    settings = transfer_settings(summary)
    if not settings:
        return None
    tasks = [t for t in summary.tasks if t.setting in settings]
    records = [
        table_column_record(t)
        | {"method": m, "value": s.value, "ci95": s.ci95, "ci95_episodes": s.ci95_episodes}
        | {"sd": s.sd, "bold": int((m, t) in summary.bold)}
        for t in tasks
        for m in summary.methods
        if (s := summary.scores.get((m, t)))
    ]
    sources = len({t.source for t in tasks})
    extra = ("Bold compares methods that were trained on the same source.",) if sources > 1 else ()
    return Table(
        "transfer",
        "Transfer: accuracy by source and target",
        partial(_blocks, summary, settings),
        notes=(*footnotes(results, summary, tasks), *extra),
        records=tuple(records),
        short_notes=(*short_footnotes(results, summary, tasks), *extra),
    )


def _blocks(summary: Summary, settings: list[TableColumn], columns: int) -> tuple[Block, ...]:
    blocks = []
    for setting in settings:
        targets = list(dict.fromkeys(t.target for t in summary.tasks if t.setting == setting))
        for start in range(0, len(targets), columns):
            part = targets[start : start + columns]
            lines = _lines(summary, setting, part)
            blocks.append(Block(setting.title, tuple(("target", target) for target in part), lines))
    return tuple(blocks)


def _lines(summary: Summary, setting: TableColumn, targets: list[str]) -> tuple[Line, ...]:
    lines: list[Line] = []
    previous = ("", "")
    for label, method, source in transfer_lines(summary):
        by_target = {t.target: t for t in summary.tasks if t.setting == setting and t.source == source}
        entries = []
        for target in targets:
            task = by_target.get(target)
            s = summary.scores.get((method, task)) if task else None
            bold = (method, task) in summary.bold
            entries.append(TableCell(s.value, s.ci95, s.sd, bold=bold) if s else TableCell(text="–"))
        was_control, is_control = previous[0] in summary.controls, method in summary.controls
        rule = bool(lines) and (previous[1] != source or (is_control and not was_control))
        lines.append(Line(label, tuple(entries), rule))
        previous = (method, source)
    return tuple(lines)
