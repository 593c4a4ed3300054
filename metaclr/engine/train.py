"""The training loop, one for all methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from episodes import random
from metaclr.device import choose_device
from metaclr.engine.batches import batches
from metaclr.engine.compiling import compiled, compiled_views, should_compile
from metaclr.engine.cuda_graph.graph_step import GraphStep, should_record, side_stream
from metaclr.engine.distributed import all_reduce_max, rank_device, ranks
from metaclr.engine.errors import Interrupted
from metaclr.engine.isolation import isolated
from metaclr.engine.loggers import logging_to
from metaclr.engine.optimizers import build_optimizer
from metaclr.engine.precision import autocast, compute_dtype, weights_dtype
from metaclr.engine.progress_log import Progress, ProgressLog
from metaclr.engine.rank_setup import prepare_for_ranks
from metaclr.engine.schedules import rate
from metaclr.engine.seeding import seed_generators
from metaclr.engine.settings import TrainSettings
from metaclr.engine.signals import Stop, listening
from metaclr.engine.step import plain_step
from metaclr.engine.training_curve import Row
from metaclr.engine.training_state import TrainingState
from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes.task import Episode

Sampler = Callable[[int], "Episode"]
"""Step number to its batch, like episodes.EpisodeSampler; with several ranks it needs the sampler's `shape` too."""
Render = Callable[["Episode"], Tensor]
"""Batch to its pixels, float32 (T, N, V, C, H, W) in [0, 1], or to tokens, int64 (T, N, V, L)."""


class Refresh(Protocol):
    """Work between two steps that changes what the sampler draws from then on, such as new cluster labels.

    Its result must be a function of the learner's state and the step, and be kept in buffers of the learner: then a
    resumed training is equal to an uninterrupted one.
    """

    def is_due(self, step: int) -> bool:
        """Whether the work is to be done before this step."""

    def __call__(self, step: int) -> None:
        """Do the work before this step."""


@dataclass(frozen=True)
class Trained:
    """Result of a finished training; `learner` is the module that the caller passed in, on the training device."""

    learner: nn.Module
    step: int
    views: int
    """Views that the encoder embedded since step 0, over all ranks."""
    seconds: float
    """Duration of this call; earlier, interrupted calls are not counted."""
    views_per_second: float
    resumed_at: int
    """Step of the checkpoint that this call resumed from; 0 for a fresh start."""
    curve: tuple[Row, ...]
    """Rows of curve.csv."""
    checkpoint: Path | None


def train(
    learner: nn.Module,
    sampler: Sampler,
    render: Render,
    settings: TrainSettings,
    folder: Path | None = None,
    progress: Progress | None = None,
    *,
    identity: str = "",
    refresh: Refresh | None = None,
) -> Trained:
    """Train `learner` for `settings.steps` steps, resuming from `folder`'s checkpoint if there is one.

    Args:
        learner: pixels (T, N, V, C, H, W) and an episode to (loss, metrics); see `Learner`.
        folder: receives checkpoint.pt and curve.csv; None writes nothing. A finished folder is only read.
        identity: hash of everything else that determines the run (data, method); a checkpoint with another identity
            is refused.
        refresh: work between steps; no batch is drawn ahead of it.

    Every step is a function of (settings, step): on a CPU a resumed run is bit-equal to an uninterrupted one. Dropout
    is seeded by the step too; the global generators have their former state when this function returns.

    Raises:
        NonFiniteLoss: the loss or a parameter is NaN or infinite; the last good checkpoint is unchanged.
        Interrupted: SIGINT or SIGTERM arrived; the current step was finished and saved.
        UserError: a damaged checkpoint or one of another run, a full disk, an absent device.
    """
    device, rank_info = rank_device(choose_device(settings.device)), ranks()
    learner.to(device, torch.float64 if settings.precision == "fp64" else None)
    learner.to(memory_format=torch.channels_last).train()
    if rank_info.world > 1:
        prepare_for_ranks(learner, sampler, sync_norm=settings.sync_norm)
    optimizer = build_optimizer(learner, settings)
    state = TrainingState(
        learner, optimizer, settings, folder, identity=identity, device=device, is_writer=rank_info.first
    )
    if int(all_reduce_max(state.step, device=device)[0]) != state.step:
        raise UserError(f"rank {rank_info.rank} has no access to the checkpoint in {folder}: use a shared folder")
    resumed_at, views_before, began = state.step, state.views, time.monotonic()
    with isolated(device), listening() as stop:
        _loop(state, sampler, render, device, stop, progress, refresh)
    seconds = time.monotonic() - began
    return Trained(
        learner=learner,
        step=state.step,
        views=state.views,
        seconds=seconds,
        views_per_second=(state.views - views_before) / seconds,
        resumed_at=resumed_at,
        curve=tuple(state.curve.rows),
        checkpoint=state.saved[0] if state.saved else None,
    )


def _loop(
    state: TrainingState,
    sampler: Sampler,
    render: Render,
    device: torch.device,
    stop: Stop,
    progress: Progress | None,
    refresh: Refresh | None,
) -> None:
    """All steps from `state.step` on: draw and render a batch, step, count, and save or stop when due."""
    settings, rank_info = state.settings, ranks()
    computed = compute_dtype(settings.precision, device)
    cast = autocast(device, computed)

    def render_in_dtype(episode: Episode) -> Tensor:
        drawn = render(episode)
        return drawn.to(weights_dtype(computed)) if drawn.is_floating_point() else drawn  # tokens stay integers

    after_step = getattr(state.learner, "after_step", None)
    steps = range(state.step, settings.steps)
    if refresh is not None and steps and refresh.is_due(state.step):
        refresh(state.step)  # before anything draws a batch
    record = should_record(settings, device)
    step = plain_step(state, cast, check_loss=device.type == "cpu" and not record)
    with ExitStack() as stack:
        if record:
            stack.enter_context(side_stream(device))
            step = GraphStep(step, state.learner, state.optimizer)
        if steps and should_compile(settings, device):
            first = compiled_views(render, lambda: next(batches(sampler, render_in_dtype, steps[:1], device, "off")))
            stack.enter_context(compiled(state.learner, stack.enter_context(first), cast))
        to = state.folder if rank_info.first and steps else None
        log = ProgressLog(state, progress, stack.enter_context(logging_to(settings.loggers, to, state.step)))
        drawn = (batches(sampler, render_in_dtype, part, device, settings.prefetch) for part in _parts(steps, refresh))
        for pixels, episode in chain.from_iterable(drawn):
            seed_generators(random.key(settings.seed, "engine", state.step, rank_info.rank), device)
            loss, metrics = step(pixels, episode, rate(settings, state.step))
            if device.type == "cpu":  # no synchronization needed to read it
                log.loss = loss.item()
            if after_step is not None:
                after_step(state.step + 1, settings.steps)
            state.count(loss, metrics, pixels.shape[:3].numel() * rank_info.world)
            _after_step(state, log, stop, device)
    state.save()


def _parts(steps: range, refresh: Refresh | None) -> Iterator[range]:
    """The steps in consecutive parts; between two of them the work of `refresh` is done."""
    cuts = [step for step in steps[1:] if refresh.is_due(step)] if refresh is not None else []
    for start, end in pairwise([*steps[:1], *cuts, steps.stop]):
        if refresh is not None and start in cuts:
            refresh(start)
        yield range(start, end)


def _after_step(state: TrainingState, log: ProgressLog, stop: Stop, device: torch.device) -> None:
    """Write a curve row when the metric buffer is full, a checkpoint when due; stop after a signal."""
    done = state.step == state.settings.steps
    full = state.window.full or done
    save_due, signal_number = float(log.save_due), float(stop.number)
    if ranks().world > 1:
        # All ranks must save and stop at the same step; they exchange the flags only when a row is due.
        save_due, signal_number = all_reduce_max(save_due, signal_number, device=device) if full else (0.0, 0.0)
    if full or save_due or signal_number:
        state.check()
    if full:
        log.write()
    if save_due or signal_number or done:
        state.save()
        log.saved()
    if signal_number:
        saved_in = state.saved[0] if state.saved else None
        raise Interrupted(int(signal_number), state.step, state.settings.steps, saved_in)
    log.show()
