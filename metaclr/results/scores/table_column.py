"""What was measured: one target, one evaluator, one setting of it. The columns of every table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from metaclr.results.store.rows import Row

FAMILIES = ("few-shot", "linear", "knn", "low-label")
_NAMES = {"few-shot": "few-shot", "linear": "linear probe", "knn": "kNN", "low-label": "low-label"}


@dataclass(frozen=True)
class TableColumn:
    """One column: every method has one score on it. Compares equal where the measured thing is the same."""

    source: str
    target: str
    evaluator: str
    way: int | None
    shot: int | None
    label_subset: str
    metric: str

    @property
    def family(self) -> str:
        """'few-shot', 'linear', 'knn', 'low-label', or the evaluator's own name."""
        name = self.evaluator.lower().replace("_", "-")
        return next((f for f in FAMILIES if name.startswith(f)), name)

    @property
    def is_few_shot(self) -> bool:
        """Whether the items are episodes, so that intervals speak about new classes."""
        return self.way is not None and self.shot is not None

    @property
    def variant(self) -> str:
        """What the evaluator's name says beside its family: 'frozen', 'fine-tuned', a head, or ''."""
        name = self.evaluator.lower().replace("_", "-")
        rest = name.removeprefix(self.family).strip(" -:/,()")
        return "fine-tuned" if rest in ("finetune", "fine-tune", "finetuned") else rest

    @property
    def group(self) -> str:
        """The heading above the column: 'few-shot', 'low-label, frozen', 'all labels' (linear probe and kNN)."""
        if self.family in ("linear", "knn"):
            return "all labels" if self.label_subset in ("", "all") else self.label_subset
        name = _NAMES.get(self.family, self.evaluator)
        return f"{name}, {self.variant}" if self.variant and self.family in _NAMES else name

    @property
    def heading(self) -> str:
        """The column's own heading: '5-way 1-shot', '1 % (12)', or 'linear probe'."""
        if self.family == "few-shot":
            return " ".join(f"{v}-{n}" for v, n in ((self.way, "way"), (self.shot, "shot")) if v is not None)
        if self.family in ("linear", "knn"):
            return _NAMES[self.family] + (f", {self.variant}" if self.variant else "")
        return self.label_subset or self.metric

    @property
    def title(self) -> str:
        """Group and column in one: '5-way 1-shot', 'linear probe', 'frozen, 1 % (12)'."""
        if self.family == "few-shot":
            return self.heading + (f", {self.variant}" if self.variant else "")
        name = self.variant if self.family == "low-label" and self.variant else self.heading
        if self.family not in ("linear", "knn", "low-label"):
            name = self.evaluator
        return ", ".join(part for part in (name, self.label_subset if self.label_subset != "all" else "") if part)

    @property
    def setting(self) -> TableColumn:
        """The same measurement wherever it is made: without source and target."""
        return TableColumn("", "", self.evaluator, self.way, self.shot, self.label_subset, self.metric)

    @property
    def label_count(self) -> int | None:
        """How many labels a low-label task has, from '1 % (12)' or '5 per class (50)'; None without a count."""
        found = re.search(r"\((\d+)\)", self.label_subset)
        return int(found.group(1)) if found else None

    def chance(self, classes: int | None = None) -> float | None:
        """Accuracy of guessing in percent: 100/way, or 100/classes where a target's number of classes is known."""
        if self.metric != "accuracy":
            return None
        count = self.way if self.way is not None else classes
        return 100 / count if count else None


def table_column_of(row: Row) -> TableColumn:
    """The task that a row measures."""
    return TableColumn(row.source, row.target, row.evaluator, row.way, row.shot, row.label_subset, row.metric)


def ordered(rows: Iterable[Row]) -> tuple[TableColumn, ...]:
    """All tasks: by source and target as they come, then few-shot, linear, kNN, low-label, others."""
    tasks = list(dict.fromkeys(table_column_of(row) for row in rows))
    sources = list(dict.fromkeys(t.source for t in tasks))
    targets = list(dict.fromkeys(t.target for t in tasks))
    seen = {task: number for number, task in enumerate(tasks)}

    def place(task: TableColumn) -> tuple[int, ...]:
        family = FAMILIES.index(task.family) if task.family in FAMILIES else len(FAMILIES)
        # Low-label columns run from few labels to many, first all of one variant, then all of the next.
        variants = [t.variant for t in tasks if t.family == task.family]
        size = task.label_count or 0
        where = (sources.index(task.source), targets.index(task.target), family, variants.index(task.variant))
        return (*where, task.way or 0, task.shot or 0, size, seen[task])

    return tuple(sorted(tasks, key=place))


def table_column_record(task: TableColumn) -> dict[str, Any]:
    """The columns that name a task in a CSV file."""
    names = ("source", "target", "evaluator", "way", "shot", "label_subset", "metric")
    return {name: getattr(task, name) for name in names}
