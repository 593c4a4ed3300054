"""The tables of a walk: the effect of every step, on one task and on all, and how axes interact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any

from metaclr.results.scores.contrast import Difference
from metaclr.results.scores.scope import METHODS, scope
from metaclr.results.scores.summary import LEVEL, Summary
from metaclr.results.scores.table_column import TableColumn, table_column_record
from metaclr.results.store.folder import Results
from metaclr.results.store.walk import Measures, Walk, WalkRecord
from metaclr.results.tables.differences import mark
from metaclr.results.tables.layout import Block, Line, Table, TableCell, split
from metaclr.results.tables.walk_effects import headline_column, interactions, step_effect, step_effects

NONE = TableCell(text="–")


def walk_tables(results: Results, summary: Summary) -> list[Table]:
    """`bridge`, `bridge_effects` where there are several tasks, `bridge_orders` where there are two walks."""
    walked = results.walked
    if walked is None or not summary.tasks:
        return []
    tasks = [task for task in summary.tasks if task.family == "few-shot"]
    tables = [bridge_table(results, summary, walked)]
    if len(tasks) > 1:
        tables.append(effects_table(summary, walked, tasks))
    if interactions(summary, walked, headline_column(summary)):
        tables.append(orders_table(summary, walked))
    return tables


def bridge_table(results: Results, summary: Summary, walked: WalkRecord) -> Table:
    """A line per step: accuracy, effect of the step, geometry of the features, loss and loss at chance."""
    task = headline_column(summary)
    records = [record for walk in walked.walks for record in _records(summary, walked, walk)]
    return Table(
        "bridge",
        f"From {walked.start} to {walked.end}, one axis at a time",
        partial(_blocks, summary, walked, task),
        _notes(results, summary, walked, task),
        tuple(records),
    )


def effects_table(summary: Summary, walked: WalkRecord, tasks: Sequence[TableColumn]) -> Table:
    """The effect of every step on every few-shot task."""

    def lay(columns: int) -> tuple[Block, ...]:
        blocks = []
        for walk in walked.walks:
            for part in split(list(tasks), columns):
                found = [step_effects(summary, walked, walk, task) for task in part]
                lines = tuple(
                    Line(stage.label, tuple(_effect_cell(of_task[i]) for of_task in found))
                    for i, stage in enumerate(walk.stages)
                )
                heads = tuple((task.target, task.title) for task in part)
                blocks.append(Block(_title(walked, walk), heads, lines, corner="step"))
        return tuple(blocks)

    title = "Effect of each step, on every few-shot task"
    records = [
        table_column_record(task) | {"order": walk.name, "step": number, "axis": stage.axis}
        | {"difference": effect and effect.value, "ci95": effect and effect.ci95}
        | {"ci95_episodes": effect and effect.ci95_episodes, "sd": effect and effect.sd, "p_holm": effect and effect.p}
        for walk in walked.walks
        for task in tasks
        for effects in [step_effects(summary, walked, walk, task)]
        for number, (stage, effect) in enumerate(zip(walk.stages, effects, strict=True), 1)
    ]  # fmt: skip
    return Table("bridge_effects", title, lay, (_effect_note(summary, tasks),), tuple(records))


def orders_table(summary: Summary, walked: WalkRecord) -> Table:
    """The effect of every axis in both orders; where the two differ, the axis interacts with the others."""
    task = headline_column(summary)
    found = interactions(summary, walked, task)
    lines = tuple(
        Line(
            one.axis,
            (
                _effect_cell(one.forward),
                _effect_cell(one.reverse),
                TableCell(one.difference.value, one.difference.ci95, signed=True, text=mark(one.difference)),
            ),
        )
        for one in found
    )
    heads = tuple(
        (f"{task.target}, {task.title}", head)
        for head in ("in the forward order", "in the reverse order", "difference")
    )
    records = tuple(
        table_column_record(task)
        | {"axis": one.axis, "forward": one.forward.value, "forward_ci95": one.forward.ci95}
        | {"reverse": one.reverse.value, "reverse_ci95": one.reverse.ci95}
        | {"difference": one.difference.value, "ci95": one.difference.ci95}
        | {"ci95_episodes": one.difference.ci95_episodes, "p_holm": one.difference.p}
        for one in found
    )
    notes = (
        f"Percent points; ± and n.s. speak about {scope(summary, [task])}.",
        "difference: forward minus reverse, paired on the same episodes. An axis whose effect depends "
        "on when it moves interacts with the others; its effect is not one number.",
        "Axes that moved together with others in one of the orders are left out.",
    )
    return Table(
        "bridge_orders", "The same axes in both orders", lambda _: (Block("", heads, lines, "axis"),), notes, records
    )


def walk_headlines(results: Results, summary: Summary) -> list[str]:
    """The walk in a sentence or two, computed."""
    walked = results.walked
    if walked is None or not summary.tasks:
        return []
    task = headline_column(summary)
    whole = step_effect(summary, walked.start, walked.end, task)
    ends = [summary.scores.get((title, task)) for title in (walked.start, walked.end)]
    if whole is None or ends[0] is None or ends[1] is None:
        return []
    lines = [
        f"From {walked.start} ({ends[0].value:.1f} %) to {walked.end} ({ends[1].value:.1f} %) on {task.target}, "
        f"{task.title}: {whole.text} points{_for_whom(whole)}."
    ]
    for walk in walked.walks:
        found = zip(walk.stages, step_effects(summary, walked, walk, task), strict=True)
        clear = [(s, w) for s, w in found if w is not None and _is_clear(w)]
        if clear:
            clear.sort(key=lambda pair: -abs(pair[1].value))
            named = ", ".join(f"{s.axis} {w.text}" for s, w in clear[:4])
            order = f" in the {walk.name} order" if len(walked.walks) > 1 else ""
            lines.append(f"The steps that matter most{order}{_for_whom(clear[0][1])}: {named}.")
    return lines


def _blocks(summary: Summary, walked: WalkRecord, task: TableColumn, columns: int) -> tuple[Block, ...]:
    loss = ("loss", "at the end", "at chance")
    groups = ((task.title, "accuracy", "effect of the step"), ("features", "alignment", "uniformity"), loss)
    heads = [(group, head) for group, *of_group in groups for head in of_group]
    blocks = []
    for walk in walked.walks:
        lines = _lines(summary, walked, walk, task)
        for part in _parts(columns):
            cut = (Line(line.label, line.entries[part], line.rule) for line in lines)
            named = tuple(line for line in cut if any(entry.plain for entry in line.entries))
            blocks.append(Block(_title(walked, walk, task.target), tuple(heads[part]), named, corner="step"))
    return tuple(blocks)


def _parts(columns: int) -> list[slice]:
    """Accuracy and effect stay side by side, and so do the numbers that explain them."""
    room = {1: range(7), 2: (0, 1, 2, 4, 6), 3: (0, 2, 4, 6), 4: (0, 2, 6), 5: (0, 2, 6)}
    return [slice(start, stop) for start, stop in pairwise(room.get(columns, (0, 6)))]


def _lines(summary: Summary, walked: WalkRecord, walk: Walk, task: TableColumn) -> list[Line]:
    effects = step_effects(summary, walked, walk, task)
    lines = [Line(f"start: {walked.start}", _entries(summary, walked, walked.start, task, TableCell(text="")))]
    for stage, effect in zip(walk.stages, effects, strict=True):
        label = f"{stage.label} ({walked.end})" if stage.method == walked.end else stage.label
        lines.append(Line(label, _entries(summary, walked, stage.method, task, _effect_cell(effect))))
    blank = (TableCell(text=""),) * 4
    whole = step_effect(summary, walked.start, walked.end, task)
    lines.append(Line("all steps together", (TableCell(text=""), _effect_cell(whole), *blank), rule=True))
    for number, title in enumerate(m for m in summary.methods if m in summary.controls):
        lines.append(Line(title, _entries(summary, walked, title, task, TableCell(text="")), rule=not number))
    return lines


def _entries(
    summary: Summary, walked: WalkRecord, title: str, task: TableColumn, effect: TableCell
) -> tuple[TableCell, ...]:
    score = summary.scores.get((title, task))
    accuracy = TableCell(score.value, score.ci95, score.sd) if score else TableCell(text="failed")
    measured = walked.measures.get(title, Measures())
    numbers = (mean(measured.alignment), mean(measured.uniformity), mean(measured.loss), measured.chance)
    blank = "" if title in summary.controls else "–"
    return (
        accuracy,
        effect,
        *(TableCell(text=blank if n is None else f"{n:.3f}" if i < 1 else f"{n:.2f}") for i, n in enumerate(numbers)),
    )


def mean(values: Sequence[float]) -> float | None:
    """The mean over seeds, or None for none."""
    return fmean(values) if values else None


def _effect_cell(effect: Difference | None) -> TableCell:
    if effect is None:
        return NONE
    text = "mixed" if effect.significant(LEVEL) and not _is_clear(effect) else mark(effect)
    return TableCell(effect.value, effect.ci95, effect.sd, signed=True, text=text)


def _is_clear(effect: Difference) -> bool:
    """Whether an effect is significant and, where the test does not count the seeds, has one sign in all of them."""
    return effect.significant(LEVEL) and (effect.about_methods or effect.seeds_agree)


def _for_whom(effect: Difference) -> str:
    return "" if effect.about_methods else ", for these trained encoders"


def _title(walked: WalkRecord, walk: Walk, target: str = "") -> str:
    order = f"{walk.name} order" if len(walked.walks) > 1 else ""
    return ", ".join(part for part in (target, order) if part)


def _records(summary: Summary, walked: WalkRecord, walk: Walk) -> list[dict[str, Any]]:
    """One record per few-shot task and step, the start first."""
    records = []
    for task in (t for t in summary.tasks if t.family == "few-shot"):
        effects = [None, *step_effects(summary, walked, walk, task)]
        titles = walked.titles(walk)
        for number, (title, effect) in enumerate(zip(titles, effects, strict=True)):
            changes = walk.stages[number - 1].changes if number else ()
            score, measured = summary.scores.get((title, task)), walked.measures.get(title, Measures())
            records.append(
                {"order": walk.name, "step": number, "method": title}
                | {"axis": " + ".join(c.axis for c in changes)}
                | {"from": ", ".join(c.before for c in changes), "to": ", ".join(c.after for c in changes)}
                | table_column_record(task)
                | {"value": score and score.value, "ci95": score and score.ci95}
                | {"ci95_episodes": score and score.ci95_episodes, "sd": score and score.sd}
                | {"seeds": len(score.seeds) if score else 0, "n": score and score.n}
                | {"difference": effect and effect.value, "difference_ci95": effect and effect.ci95}
                | {"difference_ci95_episodes": effect and effect.ci95_episodes}
                | {"difference_sd": effect and effect.sd, "p_holm": effect and effect.p}
                | {"alignment": mean(measured.alignment), "uniformity": mean(measured.uniformity)}
                | {"loss": mean(measured.loss), "loss_at_chance": measured.chance}
            )
    return records


def _effect_note(summary: Summary, tasks: Sequence[TableColumn]) -> str:
    seeds = max(len(s.seeds) for s in summary.scores.values())
    spread = f" In parentheses: standard deviation over {seeds} training seeds." if seeds > 1 else " One training seed."
    about = scope(summary, tasks)
    return (
        "Effect of a step: accuracy minus that of the row above, in percent points, mean ± 95 % interval of the paired "
        "differences on "
        f"the same stored episodes; ± and n.s. speak about {about}.{spread} "
        f"n.s.: not significant (Holm-corrected over the steps on a target's few-shot columns, level {LEVEL:g})."
        + " mixed: significant for these encoders, but the seeds differ in sign."
        * (seeds > 1 and about != METHODS)
    )


def _notes(results: Results, summary: Summary, walked: WalkRecord, task: TableColumn) -> tuple[str, ...]:
    score = summary.scores.get((walked.start, task))
    train = results.recipe.get("train", {})
    budget = ""
    if {"steps", "batch_views"} <= train.keys():
        budget = (
            f" Every step: {train['steps']:,} optimizer steps of {train['batch_views']:,} views from the same weights."
        )
    held = ", ".join(f"{c.axis} ({c.before} → {c.after})" for c in walked.held)
    notes = [
        f"Accuracy in percent{f', {score.n:,} stored episodes' if score else ''}.{budget} The effect of an axis "
        "depends on the axes moved before it.",
        _effect_note(summary, [task]),
        "Alignment: mean squared distance of two views of an image; uniformity: log of the mean of exp(-2 distance²) "
        "between images; both of the encoder's features of the target on the unit sphere, lower is closer and more "
        "even (Wang and Isola 2020).",
        "Training loss: its last logged mean. At chance: the same loss where all embeddings are alike. Losses of "
        "different steps are different quantities; each is read against its own chance.",
    ]
    if held:
        notes.append(f"Differs between the ends but is the same for all steps, which share their views: {held}.")
    notes += [
        f"{stage.axis} moved together: {stage.why}." for walk in walked.walks for stage in walk.stages if stage.why
    ]
    return tuple(dict.fromkeys(notes))
