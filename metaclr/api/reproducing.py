"""`metaclr.reproduce(NAME)`: run a shipped recipe of a published table, and put ours beside theirs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.files import write_atomic
from metaclr.recipe.reproductions import get_reproduction

if TYPE_CHECKING:
    from metaclr.results.published.comparison import ComparedCell


@dataclass(frozen=True)
class Reproduced:
    """A finished reproduction: its folder, every compared cell, notes, and the reason of each failed run."""

    folder: Path
    cells: tuple[ComparedCell, ...]
    notes: tuple[str, ...]
    failures: dict[str, str]


def reproduce(
    name: str,
    budget: str = "hour",
    *,
    out: str | Path | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    jobs: int = 1,
    quiet: bool = False,
) -> Reproduced:
    """Train the methods of a published table by a shipped recipe, and compare every cell with the published figure.

    Args:
        name: of `metaclr.recipe.reproductions.reproduction_names()`.
        budget: "full", as published; "hour", about an hour on two CPU cores; "smoke", every part in a minute, whose
            numbers say nothing.
        out: folder of the comparison; default `results/reproduce-NAME-BUDGET`. The table is written there as
            `published.md` and `published.csv`. Finished runs in it are kept.

    Raises:
        UserError, EpisodeError: bad input, or data that are not here (with how to get them).
    """
    from metaclr.api.comparing import compare

    chosen = get_reproduction(name)
    recipe = chosen.recipe(budget)
    folder = Path(out) if out else Path("results") / f"{recipe.name}-{budget}"
    result = compare(recipe, out=folder, device=device, data_root=data_root, jobs=jobs, quiet=quiet)
    cells, notes = beside_published(folder, name, budget)
    return Reproduced(folder, tuple(cells), tuple(notes), result.failures)


def beside_published(folder: Path, name: str, budget: str) -> tuple[list[ComparedCell], list[str]]:
    """Compare the results of a folder with the published table; write `published.md` and `published.csv` there.

    Raises:
        UserError: a folder without results.
    """
    from metaclr.results.published.comparison import compare_cells, without_counterpart
    from metaclr.results.published.figures import published, published_figures
    from metaclr.results.published.table import (
        difference_lines,
        table_notes,
        to_csv,
        to_markdown,
        unmatched_line,
        unread_lines,
    )
    from metaclr.results.scores.summary import summarise
    from metaclr.results.store.folder import load

    chosen = get_reproduction(name)
    rows = [(title, published(chosen.benchmark, one)) for title, names in chosen.rows.items() for one in names]
    note = chosen.note(budget)
    summary = summarise(load(folder))
    cells = compare_cells(summary, rows, reference=chosen.reference, is_smoke=budget == "smoke")
    others = [m for m in summary.methods if m not in chosen.rows and m not in summary.controls]
    ours = [] if chosen.reference else without_counterpart(summary, others, [one.cell for one in cells])
    unread = unread_lines(summary, others) if not chosen.rows else []
    theirs = [one for one in published_figures() if one.benchmark == chosen.benchmark]
    notes = [
        *([f"Budget {budget}: {note}."] if note else []),
        *(table_notes(cells, chosen.differs) if chosen.rows else [*unread, *difference_lines(chosen.differs)]),
        *(f"Ours without a published counterpart: {m}, {cell}: {score.value:.1f}." for m, cell, score in ours),
        *(unmatched_line(one) for one in theirs if one.method not in {row.method for _, row in rows}),
    ]
    title = f"{chosen.description} Budget: {budget}"
    write_atomic(folder / "published.md", to_markdown(title, cells, notes))
    write_atomic(folder / "published.csv", to_csv(cells))
    return cells, notes
