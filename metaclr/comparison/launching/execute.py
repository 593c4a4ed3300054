"""Execute a plan: its runs, then rows, tables, figures and the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metaclr.comparison.folders.run_folder import adopt_renamed, check_inputs, extended, resumed_note
from metaclr.comparison.labels.positives_setting import positives_name
from metaclr.comparison.launching.serial import execute_serially
from metaclr.comparison.planning.checks import check_same_inputs
from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.first_loss import first_loss_note
from metaclr.comparison.runs.pictures import target_pictures, view_sheets
from metaclr.engine.precision import NAMES, compute_dtype
from metaclr.engine.process_group import broadcast_from_first
from metaclr.environment import describe
from metaclr.evaluation.class_similarity import similarities
from metaclr.results.store.folder import About, collect, write_about
from metaclr.results.store.inspections import Pictures, write_pictures

if TYPE_CHECKING:
    import pandas as pd

    from metaclr.methods import Method
    from metaclr.results.store.rows import Row


def execute(
    plan: Plan, *, jobs: int = 1, ray: str | None = None, quiet: bool = False
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Execute the unfinished runs, then write the folder's rows, tables, figures and report.

    Args:
        jobs: number of runs at the same time on this machine.
        ray: spread the runs over a Ray cluster instead: "local", or its address.

    Returns:
        The rows as a frame, and the reason of each failed run, by run name.

    Raises:
        UserError: as `execute_runs`.
    """
    failures = execute_runs(plan, jobs=jobs, ray=ray, quiet=quiet)
    return write_results(plan, failures), failures


def execute_runs(plan: Plan, *, jobs: int = 1, ray: str | None = None, quiet: bool = False) -> dict[str, str]:
    """Execute the unfinished runs.

    Returns:
        The reason of each failed run, by run name.

    Raises:
        UserError: the folder's runs were made with other settings or images (names them), or ranks differ in theirs.
    """
    from metaclr.comparison.launching.on_ray import run_on_ray
    from metaclr.comparison.launching.parallel import run_parallel

    check_same_inputs(plan)

    def check_folders() -> None:
        adopt_renamed(plan)
        check_inputs(plan)

    broadcast_from_first(check_folders)
    if ray is not None:
        return run_on_ray(plan, ray, quiet=quiet)
    return execute_serially(plan, quiet=quiet) if jobs == 1 else run_parallel(plan, jobs, quiet=quiet)


def write_results(plan: Plan, failures: dict[str, str], command: str = "") -> pd.DataFrame:
    """Write the folder's rows, tables, figures and report from its finished runs; the rows as a frame.

    Of several ranks the first writes; all get the rows.

    Args:
        command: shown in the report to reproduce the results; default `metaclr compare` with the folder's recipe.
    """
    from metaclr.results import write_all
    from metaclr.results.store.rows import to_frame

    def write() -> list[Row]:
        finished = [run.name for run in plan.runs if run.name not in failures]
        rows = collect(plan.out, finished, similarities(plan.targets.values()))
        facts = about(plan, failures)
        write_about(plan.out, replace(facts, command=command or facts.command))
        write_pictures(plan.out, Pictures(target_pictures(plan.out, plan.targets), view_sheets(plan)))
        write_all(plan.out)
        return rows

    return to_frame(broadcast_from_first(write))


def about(plan: Plan, failures: dict[str, str]) -> About:
    """What the report shows beside the numbers."""
    return About(
        methods={
            run.entry.title: {
                "summary": run.method.summary,
                "reference": run.method.reference,
                "labels": labels_seen(run.method),
                "family": run.method.family,
                **({"positives": positives_name(run.method.positives)} if run.method.positives else {}),
            }
            for run in plan.runs
        },
        classes={name: target.images.classes for name, target in plan.targets.items()},
        failures=failures,
        audit=tuple(line for report in plan.audits for line in report.lines()),
        remarks=(*plan.remarks, *_extended(plan), *_far_starts(plan, failures)),
        # "auto" chooses by the machine, and the choice changes the results.
        environment={
            **describe(plan.device),
            "trained in": NAMES[compute_dtype(plan.recipe.train.precision, plan.device)],
        },
        command=f"metaclr compare {plan.out / 'recipe.toml'}",
    )


def _extended(plan: Plan) -> list[str]:
    """Remarks about trainings that resumed with more steps than they were started with."""
    found = [(run, resumed_note(steps, run.own_recipe(plan.recipe).train)) for run, steps in extended(plan)]
    return [f"{run.name}: {note}" for run, note in found if note]


def _far_starts(plan: Plan, failures: dict[str, str]) -> list[str]:
    """Remarks about trainings that began far above guessing, one for all seeds of a method."""
    notes: dict[tuple[str, str], str] = {}
    for run in plan.runs:
        if run.name in failures or (run.entry.title, run.source) in notes:
            continue
        if note := first_loss_note(run, run.own_recipe(plan.recipe), plan.sources[run.source], plan.folder(run)):
            notes[run.entry.title, run.source] = note
    return list(notes.values())


def labels_seen(method: Method) -> str:
    """ "yes" if a method trains on the source's labels, "no" if not, empty for a control."""
    return ("yes" if method.labels == "given" else "no") if method.trained else ""
