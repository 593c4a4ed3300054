"""Several ranks as one program: join and leave together, run rank 0 first, raise an error of one rank on all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from episodes.errors import EpisodeError
from metaclr.engine.distributed import leave, ranks
from metaclr.environment import environment_int
from metaclr.errors import SilentError, UserError

T = TypeVar("T")

USER_ERRORS = (UserError, EpisodeError, OSError)
"""Errors that a user can fix: one line, exit code 2."""

_FAILED = "failed"
_groups = itertools.count()  # torchrun has one store per program; the number separates the groups in it


@contextmanager
def process_group() -> Iterator[None]:
    """Join the process group that torchrun describes in the environment for the block; without torchrun do nothing.

    NCCL for GPUs, gloo for CPUs. An error inside the block ends every rank, since collective calls then fail; only the
    first rank that fails raises its own error. A nested block does nothing.

    Raises:
        SilentError: another rank failed before.
        UserError: WORLD_SIZE, RANK or MASTER_PORT is not a number, or is missing.
    """
    if environment_int("WORLD_SIZE", 1) == 1 or dist.is_initialized():
        yield
        return
    for name in ("RANK", "MASTER_PORT"):  # torch reports them late, and with a traceback
        environment_int(name, 0)
    try:
        shared, rank, world = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    except (ValueError, RuntimeError) as error:
        raise UserError(f"WORLD_SIZE is set, but no process group can be joined: {error_line(error)}") from error
    store = dist.PrefixStore(f"metaclr/{next(_groups)}", shared)  # type: ignore[attr-defined]
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
    """Run `work()` on every rank; if one rank fails with an error that a user can fix, all raise it.

    Raises:
        UserError: the error of the lowest rank that failed.
    """
    if ranks().world == 1:
        return work()
    result: T | None = None
    problem = ""
    try:
        result = work()
    except USER_ERRORS as error:
        problem = error_line(error)
    problems = [text for text in gather_objects(problem) if text]
    if problems:
        raise UserError(problems[0])
    return result  # type: ignore[return-value]


def run_first_rank_first(work: Callable[[], T]) -> T:
    """Run `work()` on rank 0, which may write files, and only then on the others, which read them."""
    rank_info = ranks()
    done = raise_together(lambda: work() if rank_info.first else None)
    rest = raise_together(lambda: None if rank_info.first else work())
    return done if rank_info.first else rest  # type: ignore[return-value]


def broadcast_from_first(work: Callable[[], T]) -> T:
    """Run `work()` on rank 0 only and return its result on all ranks."""
    rank_info = ranks()
    done = raise_together(lambda: work() if rank_info.first else None)
    if rank_info.world == 1:
        return done  # type: ignore[return-value]
    box: list[Any] = [done]
    dist.broadcast_object_list(box, src=0)
    sent: T = box[0]
    return sent


def gather_objects(value: T) -> list[T]:
    """The values of all ranks, in rank order."""
    world = ranks().world
    if world == 1:
        return [value]
    values: list[Any] = [None] * world
    dist.all_gather_object(values, value)
    return values


def error_line(error: Exception) -> str:
    """The message of an error as one line."""
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    return " ".join(str(error).split()) or type(error).__name__


def _failed_before(store: Any) -> bool:
    """Whether another rank failed before this one."""
    try:
        return bool(store.add(_FAILED, 1) > 1)
    except RuntimeError:  # the process that held the store has ended
        return True
