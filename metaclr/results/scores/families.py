"""Tests that are corrected together: all few-shot columns of a target, and all its other columns.

Columns of one kind on one target share its classes and images, so that an unlucky pool shows in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from metaclr.results.scores.contrast import Difference
from metaclr.results.scores.table_column import TableColumn

Family = tuple[str, str, bool]

FAMILY = "Holm-corrected over a target's few-shot columns, and over its other columns"
"""What notes say of it."""


def family(task: TableColumn) -> Family:
    """Source, target, and whether the items are episodes."""
    return task.source, task.target, task.is_few_shot


def holm_corrected(found: Mapping[TableColumn, Sequence[Difference]]) -> dict[TableColumn, list[Difference]]:
    """The same differences with p values corrected within each family; one without p stays so and does not count."""
    from metaclr.evaluation.statistics import holm

    families: dict[Family, list[TableColumn]] = {}
    for task in found:
        families.setdefault(family(task), []).append(task)
    corrected: dict[TableColumn, list[Difference]] = {}
    for tasks in families.values():
        p_values = iter(holm([d.p for task in tasks for d in found[task] if d.p is not None]))
        for task in tasks:
            corrected[task] = [d if d.p is None else replace(d, p=next(p_values)) for d in found[task]]
    return {task: corrected[task] for task in found}
