"""The finding in a few sentences, computed: who leads where, how surely, and how far above the controls."""

from __future__ import annotations

from metaclr.errors import UserError
from metaclr.results.scores.score import Score
from metaclr.results.scores.summary import Summary, differences
from metaclr.results.scores.table_column import TableColumn


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
    said = ", ".join(f"{m} {counts[m]}" for m in order)
    return f"Best, or not significantly worse than the best, in how many of the {len(tasks)} columns: {said}."


def caution(summary: Summary) -> str:
    """What the tests do not say, where there is one training seed; '' with several."""
    if any(len(s.seeds) > 1 for s in summary.scores.values()):
        return ""
    return "One training seed: 'significantly' speaks about these trained encoders, not about training again."


def _place(summary: Summary, task: TableColumn, ranked: list[Score], *, short: bool) -> str:
    top = ranked[0]
    half = f" ± {top.ci95:.1f}" if top.ci95 is not None else ""
    number = f"{top.value:.1f}{half} %"
    if len(ranked) == 1:
        return f"{top.method} reaches {number}."
    sentences = [f"{top.method} leads with {number}{_ties(summary, task, ranked)}."]
    if top.method in summary.controls:
        sentences[0] = f"no trained method beats the control {top.method} ({number}){_ties(summary, task, ranked)}."
    if short:
        return sentences[0]
    above = [text for m in summary.methods if m in summary.controls if (text := _above(summary, task, top, m))]
    if above:
        sentences.append(f"That is {' and '.join(above)}.")
    below = _not_above(summary, task)
    if below:
        sentences.append(f"Not significantly above untrained: {', '.join(below)}.")
    return " ".join(sentences)


def _ties(summary: Summary, task: TableColumn, ranked: list[Score]) -> str:
    top = ranked[0]
    if task in summary.unpaired:
        return f"; no test ({summary.unpaired[task]})"
    ties = [s.method for s in ranked[1:] if (s.method, task) in summary.bold]
    if ties:
        return f"; not significantly worse: {', '.join(ties)}"
    second = ranked[1]
    spread = max(top.sd or 0.0, second.sd or 0.0)
    close = f", less than the spread over seeds, {spread:.1f}" if top.value - second.value < spread else ""
    return f", significantly better than every other (next: {second.method}, {second.value:.1f} %{close})"


def _above(summary: Summary, task: TableColumn, top: Score, control: str) -> str:
    if control == top.method or (control, task) not in summary.scores:
        return ""
    try:
        d = differences([top, summary.scores[control, task]], control)[top.method]
    except UserError:
        return f"{top.value - summary.scores[control, task].value:.1f} points above {control}"
    return f"{d.value:.1f} ± {d.ci95:.1f} points above {control}"


def _not_above(summary: Summary, task: TableColumn) -> list[str]:
    """Trained methods whose paired difference to `untrained` is not clear of zero; the honest small print."""
    try:
        found = differences(summary.of(task), "untrained")
    except UserError:
        return []
    return [m for m, d in found.items() if m not in summary.controls and (d.value <= 0 or d.p > 0.05)]
