"""Several runs at the same time, each in a process of its own: the same rows as one after the other."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor, as_completed

from metaclr.comparison.plan import Plan
from metaclr.comparison.run import Run
from metaclr.comparison.serial import execute_run, unfinished
from metaclr.console import progress
from metaclr.errors import UserError


def run_parallel(plan: Plan, jobs: int, *, quiet: bool = False) -> dict[str, str]:
    """Do the unfinished runs, `jobs` at a time, the machine's threads shared out among them.

    Returns:
        Why a run failed, by run name.

    Raises:
        UserError: a method that cannot be sent to another process (define it in a module or a .py file).
    """
    import torch

    todo = unfinished(plan)
    check_sendable(plan)
    threads = max(1, torch.get_num_threads() // jobs)
    failures: dict[str, str] = {}
    context = torch.multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,))
    with pool, progress(f"{len(todo)} runs, {jobs} at a time", quiet=quiet) as bar:
        waiting = {pool.submit(execute_run, plan, run): run for run in todo}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                run: Run = waiting[future]
                if failure := future.result():
                    failures[run.name] = failure
                bar(done, len(todo), f"{run.entry.title}, seed {run.seed}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def check_sendable(plan: Plan) -> None:
    """Refuse a method that cannot be sent to another process.

    Raises:
        UserError: names the method.
    """
    for run in plan.runs:
        try:
            pickle.dumps(run)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UserError(f"method {run.entry.title!r} cannot be sent to another process: {error}") from error
