"""Few-shot heads minus contrastive ones: a matrix of sources and targets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from metaclr.results.scores.heads import HeadsContrast, heads_contrasts
from metaclr.results.scores.scope import scope
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.scores.table_column import table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.tables.layout import Block, Line, Table, TableCell
from metaclr.wording import some

if TYPE_CHECKING:
    from collections.abc import Sequence


def heads_table(results: Results, summary: Summary) -> Table | None:
    """Lines sources, columns targets, a block per setting, without labels and with them; None without such methods."""
    found = heads_contrasts(results, summary)
    if not found:
        return None
    tasks = [t for t in summary.tasks if t.family == "few-shot"]
    notes = [
        "Points: mean accuracy of the few-shot methods minus that of the contrastive ones, on the same episodes. n.s.: "
        f"not significant at {LEVEL:g}, Holm-corrected over a block. ± and tests speak about {scope(summary, tasks)}.",
    ]
    notes += [heads_statement(one) for one in found]
    records = tuple(
        table_column_record(one.setting)
        | {
            "source": source,
            "target": target,
            "labels": int(one.labels),
            "difference": d.value,
            "ci95": d.ci95,
            "p": d.p,
        }
        for one in found
        for (source, target), d in one.differences.items()
    )
    return Table("heads", "Few-shot heads minus contrastive heads", partial(_blocks, found), tuple(notes), records)


def heads_statement(one: HeadsContrast) -> str:
    """In how many cells which kind is better, in a sentence."""
    sure = [d for d in one.differences.values() if d.significant(LEVEL)]
    above, below = sum(d.value > 0 for d in sure), sum(d.value < 0 for d in sure)
    total = len(one.differences)
    return (
        f"{_kind(one)}, {one.setting.title}: {some(one.few_shot, 4)} against {some(one.contrastive, 4)}: significantly "
        f"above in {above} of {total} pairs of source and target, below in {below}, neither in {total - above - below}."
    )


def _kind(one: HeadsContrast) -> str:
    return "With labels" if one.labels else "Without labels"


def _blocks(found: Sequence[HeadsContrast], columns: int) -> tuple[Block, ...]:
    blocks = []
    for one in found:
        targets = one.targets
        for start in range(0, len(targets), columns):
            part = targets[start : start + columns]
            lines = tuple(Line(source, tuple(_cell(one, source, target) for target in part)) for source in one.sources)
            title = f"{_kind(one)}, {one.setting.title}"
            blocks.append(Block(title, tuple(("target", target) for target in part), lines, corner="source"))
    return tuple(blocks)


def _cell(one: HeadsContrast, source: str, target: str) -> TableCell:
    d = one.differences.get((source, target))
    if d is None:
        return TableCell(text="–")
    return TableCell(d.value, d.ci95, signed=True, text="" if d.significant(LEVEL) else "n.s.")
