"""Runs the runs of a plan one after the other, and skips what is finished."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from metaclr.comparison.evaluate_run import RunInfo, evaluate_run
from metaclr.comparison.own_procedure import own_procedure
from metaclr.comparison.plan import Plan
from metaclr.comparison.run import Run, finished
from metaclr.comparison.training import build_encoder_of, train_run
from metaclr.console import Progress, notify, progress, span
from metaclr.engine import NonFiniteLoss
from metaclr.engine.distributed import same_start
from metaclr.engine.process_group import broadcast_from_first
from metaclr.files import write_atomic


def unfinished(plan: Plan) -> list[Run]:
    """The runs that are still to be done, in the order of the recipe; of several ranks the first looks."""
    runs = broadcast_from_first(lambda: {c.name for c in plan.runs if not finished(plan.folder(c), plan.digest(c))})
    return [run for run in plan.runs if run.name in runs]


def execute_serially(plan: Plan, *, quiet: bool = False) -> dict[str, str]:
    """Do every unfinished run in turn.

    Returns:
        Why a run failed, by run name; empty where all went well.
    """
    todo = unfinished(plan)
    if len(todo) < len(plan.runs) and not quiet:
        notify(f"{len(plan.runs) - len(todo)} of {len(plan.runs)} runs are finished already and not redone")
    failures: dict[str, str] = {}
    for number, run in enumerate(todo, start=1):
        title = f"[{number}/{len(todo)}] {run.entry.title}, seed {run.seed}"
        began = time.monotonic()
        with progress(title, quiet=quiet) as bar:
            failure = execute_run(plan, run, bar)
        if failure:
            failures[run.name] = failure
        if not quiet:
            notify(f"{title}: {failure or span(time.monotonic() - began)}")
    return failures


def execute_run(plan: Plan, run: Run, bar: Progress | None = None) -> str:
    """Train (or resume), judge on every target, and leave a finished run folder.

    Returns:
        Why it failed: a loss that is not finite, with step and learning rate (the last good checkpoint stays);
        empty where it went well.
    """
    folder, recipe, source = plan.folder(run), plan.recipe, plan.sources[run.source]
    broadcast_from_first(lambda: folder.mkdir(parents=True, exist_ok=True))
    digest = plan.digest(run)
    procedure = None
    if not run.method.trained:
        judged = _about(run, recipe.encoder.name)
        encoder = build_encoder_of(run, recipe, source)
    else:
        try:
            learner, trained = train_run(run, recipe, source, folder, plan.device, digest, _training_bar(bar))
        except NonFiniteLoss as failure:
            return str(failure)
        seconds = trained.views / trained.views_per_second if trained.views_per_second else 0.0
        judged = replace(_about(run, recipe.encoder.name), steps=trained.step, seconds=seconds, views=trained.views)
        same_start(learner)  # ranks that keep batch statistics of their own have as many encoders
        encoder = learner.get_submodule("encoder")
        procedure = own_procedure(run.method, learner.to(plan.device))
    targets = list(plan.targets.values())
    evaluate_run(
        encoder,
        targets,
        recipe.evaluate,
        judged,
        folder,
        plan.device,
        source=source,
        procedure=procedure,
        precision=recipe.judged_in,
    )
    # Written last: a killed run never looks finished.
    broadcast_from_first(lambda: write_atomic(folder / "done.json", json.dumps({"digest": digest})))
    return ""


def _about(run: Run, encoder: str) -> RunInfo:
    named = "none" if run.method.encoder == "pixels" else encoder
    return RunInfo(run=run.name, method=run.entry.title, source=run.source, encoder=named, seed=run.seed)


def _training_bar(bar: Progress | None) -> Callable[[int, int, float, float], None] | None:
    if bar is None:
        return None

    def show(step: int, steps: int, loss: float, rate: float) -> None:
        bar(step, steps, f"loss {loss:.3f}  {rate:,.0f} views/s")

    return show
