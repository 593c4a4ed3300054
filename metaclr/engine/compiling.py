"""torch.compile during one training, where it pays off, and eager execution where it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from episodes import Rendering
from metaclr.console import notify
from metaclr.engine.settings import TrainSettings

if TYPE_CHECKING:
    from episodes.task import Episode

T = TypeVar("T")

LONG = 2000
"""Steps from which a GPU run recovers the half minute that compiling takes."""


def should_compile(settings: TrainSettings, device: torch.device) -> bool:
    """Whether to compile. `auto`: on a GPU from `LONG` steps on; not on a CPU, where 10 to 40 s gain little."""
    if settings.compile == "auto":
        return device.type == "cuda" and settings.steps >= LONG
    if settings.compile == "on" and device.type == "cpu" and not _compiler():
        notify("compile = 'on': this machine has no C++ compiler; running without")
        return False
    return settings.compile == "on"


def compile_views(render: Callable[..., Tensor], first: Callable[[], T]) -> T:
    """Compile `render` if it is a Rendering, and return `first()`, which uses it; eager again if that fails."""
    if not isinstance(render, Rendering):
        return first()
    render.compile()
    try:
        return first()
    except Exception as error:  # the compiler's own errors have no common kind
        render.eager()
        result = first()  # raises if the failure was not the compiler's
        notify(f"torch.compile of the views failed ({first_line(error)}); running without")
        return result


@contextmanager
def compiled_views(render: Callable[..., Tensor], first: Callable[[], T]) -> Iterator[T]:
    """`compile_views` inside the block; afterwards the views are eager again."""
    try:
        yield compile_views(render, first)
    finally:
        if isinstance(render, Rendering):
            render.eager()


@contextmanager
def compiled(learner: nn.Module, probe: tuple[Tensor, Episode], autocast: torch.autocast) -> Iterator[bool]:
    """Compile the learner's `networks` inside the block; yields whether that worked.

    It works if one forward and backward on `probe` does; the state that it changes is restored. Afterwards the networks
    are eager again: every batch size of an evaluator would be compiled again.
    """
    children = [getattr(learner, name, None) for name in getattr(learner, "networks", ())]
    parts = [child for child in children if isinstance(child, nn.Module)]
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    try:
        works = True
        for part in parts:
            part.compile(dynamic=False)
        try:
            with autocast:
                loss, _ = learner(*probe)
            loss.backward()
        except Exception as error:  # the compiler's own errors have no common kind
            notify(f"torch.compile failed ({first_line(error)}); running without")
            works = False
            _eager(parts)
        learner.load_state_dict(before)
        learner.zero_grad(set_to_none=True)
        yield works
    finally:
        _eager(parts)


def _eager(parts: list[nn.Module]) -> None:
    for part in parts:
        part._compiled_call_impl = None


def _compiler() -> str | None:
    return next(
        (path for name in (os.environ.get("CXX"), "g++", "clang++") if name and (path := shutil.which(name))), None
    )


def first_line(error: BaseException) -> str:
    """Kind and first line of an error, for a message of one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
