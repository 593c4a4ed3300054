"""Several runs at the same time, each in a process of its own: the same rows as one after the other."""

from __future__ import annotations

import os
import pickle
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler

from metaclr.comparison.folders.run_folder import unfinished
from metaclr.comparison.launching.serial import execute_run
from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.run import Run
from metaclr.console import notify, progress
from metaclr.engine.process_group import error_line
from metaclr.errors import UserError
from metaclr.process import die_with_parent

LOST = (
    "its worker process was lost (killed, out of memory, or its script calls compare outside of "
    '`if __name__ == "__main__":`); run the same command again to resume it'
)


def run_parallel(plan: Plan, jobs: int, *, quiet: bool = False) -> dict[str, str]:
    """Execute the unfinished runs, `jobs` at a time, the machine's threads divided among them.

    Each worker is a pool of one process, so that one that dies takes only its own run with it.

    Returns:
        The reason of each failed run, by run name.

    Raises:
        UserError: a method that cannot be sent to another process (define it in a module or a .py file).
    """
    import torch

    todo = unfinished(plan)
    if not todo:
        return {}
    check_sendable(plan)
    threads = max(1, torch.get_num_threads() // jobs)
    failures: dict[str, str] = {}
    waiting, running = deque(todo), dict[Future[str], tuple[Run, ProcessPoolExecutor]]()
    idle = [_worker(threads) for _ in range(min(jobs, len(todo)))]
    try:
        title, at_once = f"{len(todo)} runs, {jobs} at a time", min(jobs, len(todo))
        with progress(title, quiet=quiet, known_after=at_once) as bar:
            bar(0, len(todo), "starting")
            while waiting or running:
                while waiting and idle:
                    run, pool = waiting.popleft(), idle.pop()
                    running[pool.submit(_execute, bytes(ForkingPickler.dumps((plan, run))))] = run, pool
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    run, pool = running.pop(done)
                    try:
                        failure = done.result()
                    except BrokenProcessPool:
                        failure = LOST
                        pool.shutdown(wait=False)
                        pool = _worker(threads)
                    idle.append(pool)
                    if failure:
                        failures[run.name] = failure
                        if not quiet:
                            notify(f"{run.entry.title}, seed {run.seed}: failed: {failure}")
                    bar(len(todo) - len(waiting) - len(running), len(todo), f"{run.entry.title}, seed {run.seed}")
    finally:
        for _, pool in running.values():
            _stop(pool)
        for pool in [*idle, *(pool for _, pool in running.values())]:
            pool.shutdown(wait=True, cancel_futures=True)
    return failures


def _worker(threads: int) -> ProcessPoolExecutor:
    import torch

    context = torch.multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(os.getpid(), threads))


def _start(parent: int, threads: int) -> None:
    import torch

    die_with_parent(parent)
    # Ctrl-C reaches the parent alone, which passes it on once: a second signal would not wait for the checkpoint.
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    torch.set_num_threads(threads)


def _execute(pickled: bytes) -> str:
    """`execute_run` of a pickled (plan, run); unpickled here, so that what a worker cannot import is named."""
    try:
        plan, run = pickle.loads(pickled)
    except Exception as error:
        return (
            f"cannot be read by a worker process ({type(error).__name__}: {error_line(error)}); define the method in a "
            ".py file or an installed module"
        )
    return execute_run(plan, run)


def _stop(pool: ProcessPoolExecutor) -> None:
    """SIGTERM: a worker that trains saves a checkpoint and ends."""
    for process in list((pool._processes or {}).values()):
        with suppress(OSError):
            process.terminate()


def check_sendable(plan: Plan) -> None:
    """Check that every method can be sent to another process.

    Raises:
        UserError: names the method.
    """
    for run in plan.runs:
        try:
            pickle.dumps(run)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UserError(f"method {run.entry.title!r} cannot be sent to another process: {error}") from error
