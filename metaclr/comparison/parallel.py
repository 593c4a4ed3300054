"""Several cells at the same time, each in a process of its own: the same rows as one after the other."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor, as_completed

from metaclr.comparison.cell import Cell
from metaclr.comparison.plan import Plan
from metaclr.comparison.run import run_cell, unfinished
from metaclr.console import progress
from metaclr.errors import UserError


def run_parallel(plan: Plan, jobs: int, *, quiet: bool = False) -> dict[str, str]:
    """Do the unfinished cells, `jobs` at a time, the machine's threads shared out among them.

    Returns:
        Why a cell failed, by run name.

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
    with pool, progress(f"{len(todo)} cells, {jobs} at a time", quiet=quiet) as bar:
        waiting = {pool.submit(run_cell, plan, cell): cell for cell in todo}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                cell: Cell = waiting[future]
                if failure := future.result():
                    failures[cell.run] = failure
                bar(done, len(todo), f"{cell.entry.title}, seed {cell.seed}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def check_sendable(plan: Plan) -> None:
    """Refuse a method that cannot be sent to another process.

    Raises:
        UserError: names the method.
    """
    for cell in plan.cells:
        try:
            pickle.dumps(cell)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UserError(f"method {cell.entry.title!r} cannot be sent to another process: {error}") from error
