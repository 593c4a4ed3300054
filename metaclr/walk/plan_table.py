"""The table that `metaclr bridge --dry-run` prints: the steps of a walk before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaclr.results.tables.layout import Block, Line, Table, TableCell

if TYPE_CHECKING:
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe
    from metaclr.walk.prepare import WalkPlan


def plan_table(prepared: WalkPlan, recipe: CompareRecipe) -> Table:
    """One line per step: the change, the resulting training task, and its loss at chance."""
    walked = prepared.record()
    heads = (
        ("training tasks of a step", "tasks"),
        *(("training tasks of a step", h) for h in ("way", "shot", "query")),
    )
    heads = (*heads, ("loss", "at chance"))

    def lay(columns: int) -> tuple[Block, ...]:
        blocks = []
        for walk in walked.walks:
            titles = walked.titles(walk)
            labels = [f"start: {walked.start}", *(stage.label for stage in walk.stages)]
            labels[-1] += f" ({walked.end})"
            lines = []
            for label, title in zip(labels, titles, strict=True):
                chance = walked.measures[title].chance or 0.0
                numbers = [*_task(prepared.methods[title], recipe.train.batch_views), f"{chance:.2f}"]
                lines.append(Line(label, tuple(TableCell(text=text) for text in numbers)))
            name = f"{walk.name} order" if len(walked.walks) > 1 else ""
            blocks.append(Block(name, heads, tuple(lines), corner="step"))
        return tuple(blocks)

    return Table("plan", f"From {walked.start} to {walked.end}", lay, _notes(prepared, recipe))


def _task(method: Method, batch_views: int) -> list[str]:
    way = method.way or batch_views // method.v
    return [str(number) for number in (batch_views // (way * method.v), way, method.shot, method.query)]


def _notes(prepared: WalkPlan, recipe: CompareRecipe) -> tuple[str, ...]:
    walked, seeds = prepared.record(), len(recipe.seeds)
    count = len(prepared.methods) * seeds
    notes = [
        f"{len(prepared.methods)} methods x {seeds} training seeds = {count} trainings of {recipe.train.steps:,} steps "
        f"of {recipe.train.batch_views:,} views on {recipe.sources[0]}, and the controls; evaluated on "
        f"{', '.join(recipe.targets)}.",
    ]
    unread = ", ".join(f"{c.axis} ({c.before} → {c.after})" for c in walked.held)
    if unread:
        notes.append(f"Differs between the ends but is the same for all steps, which share their views: {unread}.")
    for walk in walked.walks:
        notes += [f"{stage.axis} change together: {stage.why}." for stage in walk.stages if stage.why]
    return tuple(dict.fromkeys(notes))
