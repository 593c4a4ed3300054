"""Whether a repetition would give the ranking again: neighbors in it, and what it takes to tell them apart."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metaclr.results.scores.ranking import Neighbors, Ranking, rankings
from metaclr.results.scores.repetition import DRAWS, SAFE, Repetition
from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import table_column_record
from metaclr.results.tables.layout import Block, Line, Table, TableCell

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_ENCODERS = "same encoders"
OF_TRAININGS = "new trainings"


def ranking_table(summary: Summary) -> Table | None:
    """A line per neighboring pair of the ranking, a block per source and target; None where there is no ranking."""
    found, _ = rankings(summary)
    if not found:
        return None
    several = any(one.seeds > 1 for one in found)
    return Table(
        "ranking",
        "How safe the ranking is",
        partial(_blocks, found),
        _notes(found, several),
        tuple(record for one in found for record in _records(one)),
    )


def _notes(found: Sequence[Ranking], several: bool) -> tuple[str, ...]:
    pairs = sorted({one.seeds * (one.seeds - 1) // 2 for one in found if one.seeds > 1})
    trained = (
        f" {OF_TRAININGS}: encoders of another seed on each side ({', '.join(map(str, pairs))} pairs of seeds)."
        if several
        else " One training seed, so nothing is known of other trainings."
    )
    return (
        "Order repeats: probability that two comparisons, which share no episode, put the two methods in the same "
        f"order; 0.5 for methods that do not differ (an estimate may fall below). "
        f"{OF_ENCODERS}: both evaluate these encoders.{trained} By {DRAWS} random "
        "draws of the stored episodes: other episodes of the same pool of classes, not other classes.",
        f"Episodes, trainings for {SAFE:.0%}: by a normal model of differences, mean + training + episode + rest, with "
        "variances by analysis of variance, and the squared mean less its own variance; – where no number suffices or "
        "is known. Trainings: at the stored number of episodes.",
        "Best, whole order: the same for the first place and for all trained methods at once. Controls are left out.",
    )


def _blocks(found: Sequence[Ranking], columns: int) -> tuple[Block, ...]:
    # At most six short columns: `columns` has no say.
    blocks = []
    for one in found:
        heads = [("", "points"), ("order repeats", OF_ENCODERS)]
        heads += [("order repeats", OF_TRAININGS)] if one.seeds > 1 else []
        heads += [(f"for {SAFE:.0%}", "episodes")]
        heads += [(f"for {SAFE:.0%}", "trainings")] if one.seeds > 1 else []
        lines = [_line(one, i, pair) for i, pair in enumerate(one.neighbors)]
        ends = _ends(one)
        for label, name in (("best", "best"), ("whole order", "whole")):
            cells = [TableCell(text=""), *(_probability(getattr(at, name)) for at in ends)]
            blank = [TableCell(text="")] * (len(heads) - len(cells))
            lines.append(Line(label, (*cells, *blank), rule=name == "best"))
        of = one.column
        title = f"{of.target}, {of.title}, {one.repeated[-1].episodes} episodes a side"
        title += f", trained on {of.source}" if len({o.column.source for o in found}) > 1 else ""
        blocks.append(Block(title, tuple(heads), tuple(lines), corner="better > worse"))
    return tuple(blocks)


def _ends(one: Ranking) -> list[Repetition]:
    """With the most episodes: of the same encoders, and of one other training a side."""
    most = one.repeated[-1].episodes
    return [at for at in one.repeated if at.episodes == most and at.trainings in (0, 1)]


def _line(one: Ranking, i: int, pair: Neighbors) -> Line:
    cells = [TableCell(pair.difference, signed=True, decimals=2)]
    cells += [_probability(at.pairs[i, i + 1]) for at in _ends(one)]
    cells.append(_count(pair.encoders.episodes_needed()))
    if pair.trainings is not None:
        cells.append(_count(pair.trainings.trainings_needed(one.episodes)))
    return Line(f"{pair.better} > {pair.worse}", tuple(cells))


def _probability(value: float) -> TableCell:
    return TableCell(text=f"{value:.2f}")


def _count(value: int | None) -> TableCell:
    return TableCell(text="–" if value is None else f"{value:,}")


def _records(one: Ranking) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for at in one.repeated:
        where = table_column_record(one.column) | {"episodes": at.episodes, "trainings": at.trainings or ""}
        names = ("best", "whole order", "mean of pairs")
        for what, value in zip(names, (at.best, at.whole, at.mean), strict=True):
            records.append({**where, "better": what, "worse": "", "difference": None, "probability": value})
        for i, pair in enumerate(one.neighbors):
            who = {"better": pair.better, "worse": pair.worse, "difference": pair.difference}
            records.append({**where, **who, "probability": float(at.pairs[i, i + 1])})
    return records
