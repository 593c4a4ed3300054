"""The same work for every task, in threads on a CPU: each task by one core, with the result that one thread gives.

A task is a few images, for which the cores of a CPU cannot share a convolution well; several tasks keep them all busy.
Convolutions of all tasks at once (groups, which vmap makes of them) took 1.2 to 1.8 times as long on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import torch

Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")


def over_tasks(
    work: Callable[[Worker, Item], Result],
    workers: Callable[[int], Sequence[Worker]],
    items: Sequence[Item],
    *,
    serial: bool = False,
) -> list[Result]:
    """`[work(worker, item) for item in items]`, in as many threads as torch uses now.

    Args:
        work: must not depend on the order of the calls; a thread calls it with its own worker.
        workers: number of threads to that many workers, such as copies of a network.
        serial: use this thread alone, for work that draws random numbers.
    """
    threads = 1 if serial else min(torch.get_num_threads(), len(items))
    each = workers(max(threads, 1))
    if threads <= 1:
        return [work(each[0], item) for item in items]
    run = _in_this_context(work)
    parts = [items[start::threads] for start in range(threads)]
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, "tasks", initializer=_single) as pool:
            jobs = [pool.submit(_all, run, worker, part) for worker, part in zip(each, parts, strict=True)]
            found = [job.result() for job in jobs]
    finally:
        torch.set_num_threads(before)  # `_single` changed the number for new threads
    length = max(map(len, found))
    rows = ((part[i] for part in found if i < len(part)) for i in range(length))
    return list(chain.from_iterable(rows))


def _all(run: Callable[[Worker, Item], Result], worker: Worker, items: Sequence[Item]) -> list[Result]:
    return [run(worker, item) for item in items]


def _single() -> None:
    torch.get_num_threads()  # torch sets a thread's number when it is first read
    torch.set_num_threads(1)


def _in_this_context(work: Callable[[Worker, Item], Result]) -> Callable[[Worker, Item], Result]:
    """`work` under the gradient mode and the autocast of this thread, which are per thread in torch."""
    gradient, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def run(worker: Worker, item: Item) -> Result:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradient),
            torch.autocast("cpu", dtype=dtype, enabled=enabled),
        ):
            return work(worker, item)

    return run
