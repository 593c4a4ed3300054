"""Execute a walk as one comparison: train and evaluate its runs, measure their geometry, write table and figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.comparison.launching.execute import execute_runs, write_results
from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.run import Run
from metaclr.console import progress
from metaclr.engine.process_group import broadcast_from_first
from metaclr.errors import UserError
from metaclr.results.store.walk import Measures, WalkRecord, read_walk, write_walk
from metaclr.walk.geometry import Probe, geometry
from metaclr.walk.prepare import WalkPlan

if TYPE_CHECKING:
    import pandas as pd


def execute(
    plan: Plan, prepared: WalkPlan, *, jobs: int = 1, ray: str | None = None, quiet: bool = False, command: str = ""
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Execute the unfinished runs, then write rows, tables, figures and report. Of several ranks the first writes.

    Args:
        jobs, ray: how the runs are distributed (see `comparison.execute`).
        command: shown in the report to reproduce the results.

    Returns:
        The rows as a frame, and the reason of each failed run, by run name.
    """
    broadcast_from_first(lambda: write_walk(plan.out, prepared.record()))
    failures = execute_runs(plan, jobs=jobs, ray=ray, quiet=quiet)
    done = [run for run in plan.runs if run.name not in failures]
    measures = measure(plan, prepared, done, quiet=quiet)
    broadcast_from_first(lambda: write_walk(plan.out, prepared.record(measures)))
    return write_results(plan, failures, command), failures


def measure(plan: Plan, prepared: WalkPlan, runs: list[Run], *, quiet: bool = False) -> dict[str, Measures]:
    """Alignment, uniformity, last loss and loss at chance of every method, from its finished runs; one per seed."""
    chances = prepared.record().measures
    probe = Probe(plan, plan.recipe.targets[0])
    geometries: dict[str, list[tuple[float, float]]] = {}
    losses: dict[str, list[float]] = {}
    with progress("alignment and uniformity", quiet=quiet) as bar:
        for number, run in enumerate(runs, start=1):
            geometries.setdefault(run.entry.title, []).append(geometry(probe, run))
            losses.setdefault(run.entry.title, []).extend(_last_loss(plan.folder(run)))
            bar(number, len(runs), run.entry.title)
    return {
        title: Measures(
            alignment=tuple(a for a, _ in pairs),
            uniformity=tuple(u for _, u in pairs),
            loss=tuple(losses[title]),
            chance=chances[title].chance if title in chances else None,
        )
        for title, pairs in geometries.items()
    }


def _last_loss(folder: Path) -> list[float]:
    """The last logged training loss, in a list; empty for a control."""
    from metaclr.engine import training_curve

    rows = training_curve.read(folder / training_curve.NAME) if (folder / training_curve.NAME).is_file() else []
    return [rows[-1]["loss"]] if rows else []


def check_folder(out: Path, walked: WalkRecord) -> None:
    """Refuse a folder whose walk has other methods under the same titles.

    Raises:
        UserError: names the first such title, or the folder holds a comparison that is not a walk.
    """
    stored = read_walk(out)
    if stored is None:
        if (out / "rows.csv").is_file():
            raise UserError(f"{out} holds a comparison that is not a walk; name another --out")
        return
    old, new = _meanings(stored), _meanings(walked)
    for title in new:
        if title in old and old[title] != new[title]:
            raise UserError(f"{out} holds another walk (its {title!r} is another method); name another --out")


def _meanings(walked: WalkRecord) -> dict[str, object]:
    """The method behind each title: the start, or the start with the changes up to there."""
    meanings: dict[str, object] = {walked.start: "start"}
    for walk in walked.walks:
        moved: frozenset[object] = frozenset()
        for stage in walk.stages:
            moved |= set(stage.changes)
            meanings.setdefault(stage.method, (walked.start, moved))
    return meanings
