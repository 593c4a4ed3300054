"""The finding in a few sentences, computed: who leads where, how surely, and how far above the controls.

A sentence names a method as better only where the test counts training seeds (three or more); elsewhere it names the
trained encoders.
"""

from __future__ import annotations

from collections.abc import Sequence

from metaclr.errors import UserError
from metaclr.results.scores.contrast import Contrast, contrasts
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import LEVEL, Summary, differences
from metaclr.results.scores.table_column import TableColumn
from metaclr.wording import some

MOST_NAMED = 10
"""Names in a list of a sentence; the tables show the others."""


def headlines(summary: Summary) -> list[str]:
    """One paragraph per source and target, on its first few-shot task (or its first task without one)."""
    if not summary.tasks:
        return []
    lines = []
    places = dict.fromkeys((t.source, t.target) for t in summary.tasks)
    several = len({source for source, _ in places}) > 1
    for place in places:
        tasks = [t for t in summary.tasks if (t.source, t.target) == place]
        hardest = [t for t in tasks if t.family == "few-shot"]
        task = max(hardest, key=lambda t: (t.way or 0, -(t.shot or 0))) if hardest else tasks[0]
        ranked = summary.ranked(task)
        if ranked:
            where = f"On {task.target}" + (f", trained on {task.source}" if several else "")
            where += ", the training data itself" if task.source == task.target else ""
            lines.append(f"{where} ({task.title}): {_place(summary, task, ranked, short=len(places) > 4)}")
    return lines


def tally(summary: Summary) -> str:
    """In how many columns each method is in bold: 'Best or not significantly worse in how many of 24 ...'."""
    tasks = [t for t in summary.tasks if t not in summary.unpaired and len(summary.of(t)) > 1]
    if len(tasks) < 2:
        return ""
    counts = {m: sum((m, t) in summary.bold for t in tasks) for m in summary.methods}
    order = sorted((m for m in counts if counts[m]), key=lambda m: -counts[m])
    listed = _listed([f"{m} {counts[m]}" for m in order])
    methods = {summary.about_methods(t) for t in tasks}
    who = "Encoders that are best" if True not in methods else "Best"
    of = f"the {len(tasks)} columns" + (" (methods in few-shot columns, these encoders in others)" * (len(methods) > 1))
    return f"{who}, or not significantly worse than the best, in how many of {of}: {listed}."


def caution(summary: Summary) -> str:
    """What the tests do not say: where no column has three training seeds, nothing about methods; else ''."""
    if any(summary.about_methods(task) for task in summary.tasks):
        return ""
    seeds = max((len(s.seeds) for s in summary.scores.values()), default=1)
    return (
        f"{seeds} training seed{'s' if seeds > 1 else ''}: every sentence here speaks about these trained encoders, "
        "none about the methods that trained them. Few-shot results of 3 seeds or more speak about methods."
    )


def _place(summary: Summary, task: TableColumn, ranked: list[Score], *, short: bool) -> str:
    top = ranked[0]
    half = f" ± {top.ci95:.1f}" if top.ci95 is not None else ""
    number = f"{top.value:.1f}{half} %"
    methods = summary.about_methods(task)
    if len(ranked) == 1:
        return f"{top.method} reaches {number}."
    leader = top.method if methods else f"the encoder of {top.method}"
    sentences = [f"{leader} leads with {number}{_ties(summary, task, ranked)}."]
    if top.method in summary.controls:
        trained = "method" if methods else "encoder"
        sentences[0] = f"no trained {trained} beats the control {top.method} ({number}){_ties(summary, task, ranked)}."
    if short:
        return sentences[0]
    above = [text for m in summary.methods if m in summary.controls if (text := _above(summary, task, top, m))]
    if above:
        sentences.append(f"That is {' and '.join(above)}.")
    below = _not_above(summary, task)
    if below:
        sentences.append(f"Not significantly above untrained: {_listed(below)}.")
    return " ".join(sentences)


def _ties(summary: Summary, task: TableColumn, ranked: list[Score]) -> str:
    top = ranked[0]
    if task in summary.unpaired:
        return f"; no test ({summary.unpaired[task]})"
    ties = [s.method for s in ranked[1:] if (s.method, task) in summary.bold]
    if ties:
        return f"; not significantly worse: {_listed(ties)}"
    second = ranked[1]
    spread = max(top.sd or 0.0, second.sd or 0.0)
    close = f", less than the spread over seeds, {spread:.1f}" if top.value - second.value < spread else ""
    other = "every other method" if summary.about_methods(task) else "every other encoder here"
    return f", significantly better than {other} (next: {second.method}, {second.value:.1f} %{close})"


def _listed(names: Sequence[str]) -> str:
    """Names with commas, the first `MOST_NAMED` of them where there are many more."""
    return some(names, MOST_NAMED if len(names) > MOST_NAMED + 2 else len(names))


def _above(summary: Summary, task: TableColumn, top: Score, control: str) -> str:
    if control == top.method or (control, task) not in summary.scores:
        return ""
    try:
        (d,) = contrasts([Contrast((top,), (summary.scores[control, task],))])
    except UserError:
        return f"{top.value - summary.scores[control, task].value:.1f} points above {control}"
    return f"{d.text.removeprefix('+')} points above {control}"


def _not_above(summary: Summary, task: TableColumn) -> list[str]:
    """Trained methods whose paired difference to `untrained` is not clear of zero; the honest small print."""
    found = differences(summary, "untrained")[0].get(task, {})
    tested = {m: d for m, d in found.items() if m not in summary.controls and d.p is not None}
    return [m for m, d in tested.items() if d.value <= 0 or not d.significant(LEVEL)]
