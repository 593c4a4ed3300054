"""The table of ours beside theirs: for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from metaclr.results.published.comparison import ComparedCell, verdict_counts
from metaclr.results.published.figures import PublishedFigure
from metaclr.results.scores.summary import Summary

HEADINGS = ("method", "task", "ours", "published", "verdict")


def table_lines(cells: Sequence[ComparedCell]) -> list[tuple[str, str, str, str, str]]:
    """One line a cell: method, task, ours with interval, theirs with name and interval, verdict."""
    lines = []
    for one in cells:
        ours = "-" if one.ours is None else _with_half(one.ours, one.ours_ci95)
        theirs = f"{_with_half(one.theirs, one.theirs_ci95)} {one.published_as}"
        lines.append((one.method, str(one.cell), ours, theirs, one.verdict))
    return lines


def table_notes(cells: Sequence[ComparedCell], differs: Sequence[str]) -> list[str]:
    """Notes under the table: how to read it, where the published figures are from, how our recipe differs."""
    measured = [one for one in cells if one.ours is not None]
    seeds = sorted({one.seeds for one in measured})
    items = sorted({one.n_items for one in measured})
    counts = verdict_counts(cells)
    return [
        ", ".join(f"{count} {word}" for word, count in counts.items() if count) + f", of {len(cells)} cells.",
        "Ours: accuracy in %, mean ± 95 % interval for the same test classes as published (few-shot: over other "
        "episodes of them, from three seeds on for new trainings too; probes: over test images); "
        f"{' or '.join(map(str, seeds)) or 'no'} training seed{'s' * (seeds != [1])}, "
        f"{' or '.join(f'{n:,}' for n in items) or 'no'} episodes or test images.",
        "Published: as printed; ± where the source has one, which is over episodes of the same classes. A verdict is"
        " 'reached' where the two differ by no more than both half-widths added in squares (0.5 points for a figure"
        " without one).",
        *difference_lines(differs),
        *dict.fromkeys(f"{one.published_as}: {one.source}." for one in cells),
    ]


def difference_lines(differs: Sequence[str]) -> list[str]:
    """How a recipe differs from the publication."""
    return [f"Differs from the publication: {line}." for line in differs]


def unread_lines(summary: Summary, methods: Sequence[str]) -> list[str]:
    """Our scores, a line per column, where no published figure could be read to stand beside them."""
    lines = ["No figure of the published table could be read in a source, so nothing is held against ours."]
    for task in summary.tasks:
        ours = [(m, summary.scores[m, task]) for m in methods if (m, task) in summary.scores]
        scores = ", ".join(f"{method} {_with_half(score.value, score.ci95)}" for method, score in ours)
        lines.append(f"Ours, {task.target}, {task.group} {task.heading}: {scores}.")
    return lines


def unmatched_line(row: PublishedFigure) -> str:
    """A published row that none of our methods stands beside."""
    values = ", ".join(f"{cell} {_with_half(value, row.ci95.get(cell))}" for cell, value in row.values.items())
    return f"Published without a counterpart here: {row.method}: {values} ({row.source})."


def to_markdown(title: str, cells: Sequence[ComparedCell], notes: Sequence[str]) -> str:
    """A pipe table under a heading, then the notes."""
    head = [f"# {title}", ""]
    head += [f"| {' | '.join(HEADINGS)} |", "|:---|:---|---:|:---|:---|"] if cells else []
    body = [f"| {' | '.join(line)} |" for line in table_lines(cells)]
    return "\n".join([*head, *body, "", *(f"- {note}" for note in notes)]) + "\n"


def to_csv(cells: Sequence[ComparedCell]) -> str:
    """One line a cell, numbers in columns of their own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("method", "task", "ours", "ours_ci95", "published", "published_ci95", "published_as", "seeds", "n_items",
         "verdict", "source")
    )  # fmt: skip
    for one in cells:
        numbers = [f"{v:.4f}" if v is not None else "" for v in (one.ours, one.ours_ci95, one.theirs, one.theirs_ci95)]
        writer.writerow(
            (one.method, str(one.cell), *numbers, one.published_as, one.seeds, one.n_items, one.verdict, one.source)
        )
    return out.getvalue()


def _with_half(value: float, half: float | None) -> str:
    return f"{value:.1f}" if half is None else f"{value:.1f} ± {half:.1f}"
