"""Which of the further questions a comparison's stored results cannot answer, and why."""

from __future__ import annotations

from metaclr.results.scores.agreement import agreements
from metaclr.results.scores.difficulty import difficulties
from metaclr.results.scores.ranking import rankable
from metaclr.results.scores.summary import Summary
from metaclr.results.store.folder import Results


def unanswered(results: Results, summary: Summary) -> list[str]:
    """A line for each question that has no table and no figure on any target."""
    found = {
        "How safe the ranking is": rankable(summary),
        "Whether evaluators rank methods alike": agreements(summary),
        "Whether episodes of classes that look alike are harder": difficulties(results, summary),
    }
    return [f"{question}: {reason}." for question, (answers, reason) in found.items() if not answers and reason]
