"""Several ranks as one program: they join and end together, the first goes first, one's error is the error of all."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from episodes.errors import EpisodeError
from metaclr.engine.distributed import leave, ranks
from metaclr.errors import SilentError, UserError

T = TypeVar("T")

MENDABLE = (UserError, EpisodeError, OSError)
"""Errors that a user can mend: one line, exit code 2."""

_FAILED = "failed"
_groups = itertools.count()  # torchrun keeps one store for as long as the program runs; each group has its own part


@contextmanager
def process_group() -> Iterator[None]:
    """Be a rank of the group that torchrun describes in the environment, while the block runs; else do nothing.

    GPUs talk by NCCL, CPUs by gloo. An error inside ends every rank, since its messages go unanswered; only the first
    that fails raises what went wrong. Inside another such block it does nothing.

    Raises:
        SilentError: another rank failed before.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    kept, rank, world = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    store = dist.PrefixStore(f"metaclr/{next(_groups)}", kept)  # type: ignore[attr-defined]
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world)
    try:
        yield
    except Exception as error:
        if _failed_before(store):
            raise SilentError(error_line(error)) from error
        raise
    finally:
        leave()


def raise_together(work: Callable[[], T]) -> T:
    """`work()` on every rank. Where one rank fails with an error that a user can mend, all raise it.

    Raises:
        UserError: what went wrong on the first rank that failed.
    """
    if ranks().world == 1:
        return work()
    result: T | None = None
    problem = ""
    try:
        result = work()
    except MENDABLE as error:
        problem = error_line(error)
    problems = [text for text in gather_objects(problem) if text]
    if problems:
        raise UserError(problems[0])
    return result  # type: ignore[return-value]


def run_first_rank_first(work: Callable[[], T]) -> T:
    """`work()` on the first rank, which may write files, and only then on the others, which find them there."""
    rank_info = ranks()
    done = raise_together(lambda: work() if rank_info.first else None)
    rest = raise_together(lambda: None if rank_info.first else work())
    return done if rank_info.first else rest  # type: ignore[return-value]


def broadcast_from_first(work: Callable[[], T]) -> T:
    """`work()` on the first rank alone; its result, sent to all."""
    rank_info = ranks()
    done = raise_together(lambda: work() if rank_info.first else None)
    if rank_info.world == 1:
        return done  # type: ignore[return-value]
    box: list[Any] = [done]
    dist.broadcast_object_list(box, src=0)
    sent: T = box[0]
    return sent


def gather_objects(value: T) -> list[T]:
    """Every rank's value, in the order of the ranks."""
    world = ranks().world
    if world == 1:
        return [value]
    values: list[Any] = [None] * world
    dist.all_gather_object(values, value)
    return values


def error_line(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    return " ".join(str(error).split()) or type(error).__name__


def _failed_before(store: Any) -> bool:
    """Whether another rank failed before this one."""
    try:
        return bool(store.add(_FAILED, 1) > 1)
    except RuntimeError:  # the store went with the process that kept it
        return True
