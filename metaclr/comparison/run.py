"""Runs the cells of a plan one after the other, and skips what is finished."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from metaclr.comparison.cell import Cell, finished
from metaclr.comparison.judge import Judged, judge
from metaclr.comparison.plan import Plan
from metaclr.comparison.training import build_encoder_of, train_cell
from metaclr.console import Progress, progress, say, span
from metaclr.engine import NonFiniteLoss
from metaclr.engine.distributed import same_start
from metaclr.engine.together import by_first
from metaclr.files import write_atomic


def unfinished(plan: Plan) -> list[Cell]:
    """The cells that are still to be done, in the order of the recipe; of several ranks the first looks."""
    runs = by_first(lambda: {c.run for c in plan.cells if not finished(plan.folder(c), plan.digest(c))})
    return [cell for cell in plan.cells if cell.run in runs]


def run_cells(plan: Plan, *, quiet: bool = False) -> dict[str, str]:
    """Do every unfinished cell in turn.

    Returns:
        Why a cell failed, by run name; empty where all went well.
    """
    todo = unfinished(plan)
    if len(todo) < len(plan.cells) and not quiet:
        say(f"{len(plan.cells) - len(todo)} of {len(plan.cells)} cells are finished already and not redone")
    failures: dict[str, str] = {}
    for number, cell in enumerate(todo, start=1):
        title = f"[{number}/{len(todo)}] {cell.entry.title}, seed {cell.seed}"
        began = time.monotonic()
        with progress(title, quiet=quiet) as bar:
            failure = run_cell(plan, cell, bar)
        if failure:
            failures[cell.run] = failure
        if not quiet:
            say(f"{title}: {failure or span(time.monotonic() - began)}")
    return failures


def run_cell(plan: Plan, cell: Cell, bar: Progress | None = None) -> str:
    """Train (or resume), judge on every target, and leave a finished run folder.

    Returns:
        Why it failed: a loss that is not finite, with step and learning rate (the last good checkpoint stays);
        empty where it went well.
    """
    folder, recipe, source = plan.folder(cell), plan.recipe, plan.sources[cell.source]
    by_first(lambda: folder.mkdir(parents=True, exist_ok=True))
    digest = plan.digest(cell)
    if not cell.method.trained:
        judged = _about(cell, recipe.encoder.name)
        encoder = build_encoder_of(cell, recipe, source)
    else:
        try:
            learner, trained = train_cell(cell, recipe, source, folder, plan.device, digest, _training_bar(bar))
        except NonFiniteLoss as failure:
            return str(failure)
        seconds = trained.views / trained.views_per_second if trained.views_per_second else 0.0
        judged = replace(_about(cell, recipe.encoder.name), steps=trained.step, seconds=seconds, views=trained.views)
        encoder = learner.get_submodule("encoder")
        same_start(encoder)  # ranks that keep batch statistics of their own have as many encoders
    targets = list(plan.targets.values())
    judge(encoder, targets, recipe.evaluate, judged, folder, plan.device, precision=recipe.judged_in)
    # Written last: a killed run never looks finished.
    by_first(lambda: write_atomic(folder / "done.json", json.dumps({"digest": digest})))
    return ""


def _about(cell: Cell, encoder: str) -> Judged:
    named = "none" if cell.method.encoder == "pixels" else encoder
    return Judged(run=cell.run, method=cell.entry.title, source=cell.source, encoder=named, seed=cell.seed)


def _training_bar(bar: Progress | None) -> Callable[[int, int, float, float], None] | None:
    if bar is None:
        return None

    def show(step: int, steps: int, loss: float, rate: float) -> None:
        bar(step, steps, f"loss {loss:.3f}  {rate:,.0f} views/s")

    return show
