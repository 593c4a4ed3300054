"""Few-shot heads minus contrastive ones, for every source and target: which kind of objective transfers better?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metaclr.errors import UserError
from metaclr.results.scores.contrast import Contrast, Difference, contrasts
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import Results

CROSS_ENTROPY = "supervised"
"""A method of the family of supervised contrastive losses that is none."""


@dataclass(frozen=True)
class HeadsContrast:
    """Mean accuracy of the few-shot methods minus that of the contrastive ones, of one setting (way and shot).

    differences: by (source, target), p corrected over all of them (Holm). labels: whether both train on labels.
    """

    labels: bool
    few_shot: tuple[str, ...]
    contrastive: tuple[str, ...]
    setting: TableColumn
    differences: Mapping[tuple[str, str], Difference]

    @property
    def sources(self) -> list[str]:
        """In the order of the table."""
        return list(dict.fromkeys(source for source, _ in self.differences))

    @property
    def targets(self) -> list[str]:
        """In the order of the table."""
        return list(dict.fromkeys(target for _, target in self.differences))


def heads_contrasts(results: Results, summary: Summary) -> list[HeadsContrast]:
    """Without labels and with them, for each few-shot setting; empty unless there are several sources and targets.

    Without labels: the family of few-shot tasks of unlabelled images against the contrastive one. With labels: few-shot
    tasks of labelled classes against supervised contrastive losses.
    """
    places = {(t.source, t.target) for t in summary.tasks if t.family == "few-shot"}
    if len({s for s, _ in places}) < 2 or len({t for _, t in places}) < 2:
        return []
    family = {m: results.about.methods.get(m, {}).get("family", "") for m in summary.methods}
    of = {
        False: (_of(family, "unsupervised-few-shot"), _of(family, "contrastive")),
        True: (
            _of(family, "few-shot"),
            tuple(m for m in _of(family, "supervised") if results.name_of(m) != CROSS_ENTROPY),
        ),
    }
    settings = dict.fromkeys(t.setting for t in summary.tasks if t.family == "few-shot")
    found = [
        HeadsContrast(labels, few, contrastive, setting, _differences(summary, setting, few, contrastive))
        for labels, (few, contrastive) in of.items()
        if few and contrastive
        for setting in settings
    ]
    return [one for one in found if len(one.sources) > 1]


def _of(family: Mapping[str, str], wanted: str) -> tuple[str, ...]:
    return tuple(m for m, name in family.items() if name == wanted)


def _differences(
    summary: Summary, setting: TableColumn, few: Sequence[str], contrastive: Sequence[str]
) -> dict[tuple[str, str], Difference]:
    from metaclr.evaluation.statistics import holm

    found: dict[tuple[str, str], Difference] = {}
    for task in summary.tasks:
        if task.setting == setting and all((m, task) in summary.scores for m in (*few, *contrastive)):
            # A contrast is of sums: equal numbers on both sides, divided by them, are means.
            plus = tuple(summary.scores[m, task] for m in few) * len(contrastive)
            minus = tuple(summary.scores[m, task] for m in contrastive) * len(few)
            try:
                (total,) = contrasts([Contrast(plus, minus)])
            except UserError:
                continue
            found[task.source, task.target] = _divided(total, len(plus))
    tested = [place for place, d in found.items() if d.p is not None]
    corrected = holm([p for place in tested if (p := found[place].p) is not None])
    return found | {place: replace(found[place], p=p) for place, p in zip(tested, corrected, strict=True)}


def _divided(total: Difference, count: int) -> Difference:
    def part(value: float | None) -> float | None:
        return None if value is None else value / count

    return replace(
        total,
        value=total.value / count,
        ci95=part(total.ci95),
        ci95_episodes=part(total.ci95_episodes),
        seeds=tuple(v / count for v in total.seeds),
    )
