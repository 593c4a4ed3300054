"""Runs one after the other, finished ones kept; a run that fails ends with its reason, and the next one starts."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from episodes.errors import EpisodeError
from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.comparison.folders.run_folder import ERROR, mark_finished, unfinished, write_inputs
from metaclr.comparison.labels.known_labels import source_of
from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.choose_adaptation import choose_adaptation
from metaclr.comparison.runs.evaluate_run import RunInfo, evaluate_run
from metaclr.comparison.runs.own_procedure import own_procedure
from metaclr.comparison.runs.pair_towers import pairing_of
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_encoder_of, encoder_description, train_run
from metaclr.console import Progress, notify, progress, span
from metaclr.engine import NonFiniteLoss
from metaclr.engine.distributed import ranks, same_start
from metaclr.engine.loggers import log_results
from metaclr.engine.process_group import broadcast_from_first, error_line
from metaclr.errors import UserError, memory_error_line
from metaclr.files import write_atomic
from metaclr.networks.saved_encoder import save_encoder
from metaclr.recipe.views import view_recipe
from metaclr.results.store.rows import Row

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the disk, which every later run would meet too."""


def execute_serially(plan: Plan, *, quiet: bool = False) -> dict[str, str]:
    """Execute every unfinished run in turn.

    Returns:
        The reason of each failed run, by run name.
    """
    todo = unfinished(plan)
    if len(todo) < len(plan.runs) and not quiet:
        notify(f"{len(plan.runs) - len(todo)} of {len(plan.runs)} runs are finished already and kept")
    failures: dict[str, str] = {}
    bar_of_all = Progress("runs")
    bar_of_all.seconds_left(time.monotonic(), 0, len(todo))  # starts its clock
    for number, run in enumerate(todo, start=1):
        title = f"[{number}/{len(todo)}] {run.entry.title}, seed {run.seed}"
        began = time.monotonic()
        with progress(title, quiet=quiet) as bar:
            failure = execute_run(plan, run, bar)
        if failure:
            failures[run.name] = failure
        if not quiet:
            now = time.monotonic()
            left = bar_of_all.seconds_left(now, number, len(todo))
            all_left = f"; about {span(left)} left for all" if left else ""
            notify(f"{title}: {f'failed: {failure}' if failure else span(now - began)}{all_left}")
    return failures


def execute_run(plan: Plan, run: Run, bar: Progress | None = None) -> str:
    """Train (or resume), evaluate on every target, and leave a finished run folder.

    Returns:
        The reason of a failure, in one line (the traceback is in error.txt of the run folder, the last good checkpoint
        stays); empty for a finished run. Errors that later runs would meet too, such as a full disk, are raised; so
        is everything but `NonFiniteLoss` under torchrun, where one rank's error must end all.
    """
    folder = plan.folder(run)
    try:
        _train_and_evaluate(plan, run, folder, bar)
    except NonFiniteLoss as error:
        failure = str(error)
        broadcast_from_first(lambda: _write_error(folder))
    except Exception as error:
        if ranks().world > 1 or _is_of_disk(error):
            raise
        failure = _reason(error)
        _write_error(folder)
    else:
        return ""
    return failure


def _train_and_evaluate(plan: Plan, run: Run, folder: Path, bar: Progress | None) -> None:
    recipe, source = run.own_recipe(plan.recipe), source_of(run, plan.sources[run.source])
    procedure = pairing = None

    def start() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_inputs(folder, plan.inputs(run))

    broadcast_from_first(start)
    if not run.method.trained:
        info = _info(run, recipe.encoder.name)
        encoder = build_encoder_of(run, recipe, source)
    else:
        identity = plan.identity(run)
        learner, trained = train_run(run, recipe, source, folder, plan.device, identity, _training_bar(bar))
        seconds = trained.views / trained.views_per_second if trained.views_per_second else 0.0
        info = replace(_info(run, recipe.encoder.name), steps=trained.step, seconds=seconds, views=trained.views)
        same_start(learner)  # ranks with batch statistics of their own have different networks
        encoder = learner.get_submodule("encoder")
        procedure = own_procedure(run.method, learner.to(plan.device))
        pairing = pairing_of(run.method, learner, source)
        if isinstance(procedure, AdaptedEncoder) and plan.validation is not None and recipe.evaluate.few_shot:
            procedure = choose_adaptation(procedure, plan.validation, recipe.evaluate.few_shot)
    if run.method.encoder != "pixels":
        description = encoder_description(run, recipe, source.channels)
        broadcast_from_first(lambda: save_encoder(encoder, description, folder))
    targets = list(plan.targets.values())
    rows = evaluate_run(
        encoder,
        targets,
        recipe.evaluate,
        info,
        folder,
        plan.device,
        source=source,
        procedure=procedure,
        pairing=pairing,
        precision=recipe.evaluation_precision,
        views=run.callables.get(recipe.views) or view_recipe(recipe.views, recipe.view_recipes),
    )
    if ranks().first:
        log_results(recipe.train.loggers, folder, info.steps, {measurement_name(row): row.value for row in rows})
    digest = plan.digest(run)
    broadcast_from_first(lambda: mark_finished(folder, digest))


def _reason(error: Exception) -> str:
    if line := memory_error_line(error):
        return line
    known = isinstance(error, (UserError, EpisodeError, OSError))
    return error_line(error) if known else f"{type(error).__name__}: {error_line(error)}"


def _is_of_disk(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK:
            return True
        error = error.__cause__
    return False


def _write_error(folder: Path) -> None:
    """The traceback of the error that is being handled."""
    with suppress(OSError):
        write_atomic(folder / ERROR, traceback.format_exc())


def measurement_name(row: Row) -> str:
    """The name of a measurement in a logger: 'digits/few-shot 5-way 1-shot', 'digits/linear'."""
    what = f"{row.way}-way {row.shot}-shot" if row.way is not None else row.label_subset
    return f"{row.target}/{row.evaluator} {what}".strip()


def _info(run: Run, encoder: str) -> RunInfo:
    named = "none" if run.method.encoder == "pixels" else encoder
    return RunInfo(run=run.name, method=run.entry.title, source=run.source, encoder=named, seed=run.seed)


def _training_bar(bar: Progress | None) -> Callable[[int, int, float, float], None] | None:
    if bar is None:
        return None

    def show(step: int, steps: int, loss: float, rate: float) -> None:
        bar(step, steps, f"loss {loss:.3f}  {rate:,.0f} views/s")

    return show
