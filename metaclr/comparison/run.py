"""Runs the cells of a plan one after the other, skips what is finished, and writes the results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from metaclr.comparison.cell import Cell, finished
from metaclr.comparison.judge import judge
from metaclr.comparison.plan import Plan
from metaclr.comparison.training import build_learner, train_cell
from metaclr.console import Progress, progress, say, span
from metaclr.engine import NonFiniteLoss
from metaclr.results.files import write_atomic


def digest_of(plan: Plan, cell: Cell) -> str:
    """The digest of a cell under this plan (see `Cell.digest`)."""
    data = {name: target.images.fingerprint() for name, target in plan.targets.items()}
    data[cell.source] = plan.sources[cell.source].fingerprint()
    return cell.digest(plan.recipe, data)


def folder_of(plan: Plan, cell: Cell) -> Path:
    """Where a cell keeps its checkpoint, journal, rows and per-episode accuracies."""
    return plan.out / "runs" / cell.run


def run_cells(plan: Plan, *, quiet: bool = False) -> dict[str, str]:
    """Do every unfinished cell in turn.

    Returns:
        Why a cell failed, by run name; empty where all went well.
    """
    todo = [cell for cell in plan.cells if not finished(folder_of(plan, cell), digest_of(plan, cell))]
    if len(todo) < len(plan.cells) and not quiet:
        say(f"{len(plan.cells) - len(todo)} of {len(plan.cells)} cells are finished already and not redone")
    failures: dict[str, str] = {}
    for number, cell in enumerate(todo, start=1):
        title = f"[{number}/{len(todo)}] {cell.entry.title}, seed {cell.seed}"
        with progress(title, quiet=quiet) as bar:
            began = time.monotonic()
            try:
                run_cell(plan, cell, bar)
            except NonFiniteLoss as failure:
                failures[cell.run] = str(failure)
                say(f"{title}: {failure}")
                continue
        if not quiet:
            say(f"{title}: {span(time.monotonic() - began)}")
    return failures


def run_cell(plan: Plan, cell: Cell, bar: Progress | None = None) -> None:
    """Train (or resume), judge on every target, and leave a finished run folder.

    Raises:
        NonFiniteLoss: with step and learning rate; the last good checkpoint stays.
    """
    folder = folder_of(plan, cell)
    folder.mkdir(parents=True, exist_ok=True)
    source, recipe = plan.sources[cell.source], plan.recipe
    seconds = 0.0
    if cell.method.trained:
        learner, trained = train_cell(cell, recipe, source, folder, plan.device, _training_bar(bar))
        seconds = trained.seconds
    else:
        learner = build_learner(cell, recipe, source)
    judge(plan, cell, learner, folder, seconds)
    write_atomic(folder / "done.json", json.dumps({"digest": digest_of(plan, cell)}))


def _training_bar(bar: Progress | None) -> Callable[[int, int, float, float], None] | None:
    if bar is None:
        return None

    def show(step: int, steps: int, loss: float, rate: float) -> None:
        bar(step, steps, f"loss {loss:.3f}  {rate:,.0f} views/s")

    return show
