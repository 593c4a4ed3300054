"""The one training loop, for every method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from episodes import random
from metaclr.device import choose_device
from metaclr.engine.batches import batches
from metaclr.engine.compiling import compiled, compiled_views, should_compile
from metaclr.engine.cuda_graph.graph_step import GraphStep, graph_wanted, side_stream
from metaclr.engine.distributed import all_reduce_max, rank_device, ranks, same_start, shared_axis
from metaclr.engine.errors import Interrupted
from metaclr.engine.optimizers import build_optimizer
from metaclr.engine.precision import autocast, compute_dtype, weights_dtype
from metaclr.engine.progress_log import Progress, ProgressLog
from metaclr.engine.schedules import rate
from metaclr.engine.seeding import seed_generators
from metaclr.engine.settings import TrainSettings
from metaclr.engine.signals import Stop, listening
from metaclr.engine.step import plain_step
from metaclr.engine.sync_norm import share_norms
from metaclr.engine.training_curve import Row
from metaclr.engine.training_state import TrainingState
from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes.task import Episode

Sampler = Callable[[int], "Episode"]
"""A step to its batch, like episodes.EpisodeSampler; several ranks need its `shape` too."""
Render = Callable[["Episode"], Tensor]
"""A batch to its pixels, float32 (T, N, V, C, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Trained:
    """What a finished training leaves: the learner is the one that was given, on the training device."""

    learner: nn.Module
    step: int
    views: int
    """Views seen by the encoder since step 0, over all ranks."""
    seconds: float
    """Of this call, without what an interrupted one had done before."""
    views_per_second: float
    resumed_at: int
    """Step of the checkpoint that this call went on from; 0 from the start."""
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
) -> Trained:
    """Train `learner` for `settings.steps` steps, or go on where `folder`'s checkpoint is.

    Args:
        learner: pixels (T, N, V, C, H, W) and an episode to (loss, metrics); see `Learner`.
        folder: gets checkpoint.pt and curve.csv; None keeps nothing. A finished folder is only read.
        identity: a hash of whatever else determines the run (data, method); a checkpoint with another is refused.

    Every step is a function of (settings, step): a resumed run is bit-equal on a CPU to an uninterrupted one.
    Dropout, too, is seeded by the step; the global generators are as before when this returns.

    Raises:
        NonFiniteLoss: the loss is no number any more; the last good checkpoint stands.
        Interrupted: SIGINT or SIGTERM came; the step was finished and saved.
        UserError: a damaged checkpoint or one of another run, a full disk, a device that is not there.
    """
    device = rank_device(choose_device(settings.device))
    rank_info = ranks()
    learner.to(device)
    if settings.precision == "fp64":
        learner.double()
    learner.to(memory_format=torch.channels_last)
    learner.train()
    if rank_info.world > 1:
        _share(learner, sampler, settings)
    optimizer = build_optimizer(learner, settings)
    run = TrainingState(learner, optimizer, settings, folder, identity=identity, device=device, writes=rank_info.first)
    if int(all_reduce_max(run.step, device=device)[0]) != run.step:
        raise UserError(
            f"rank {rank_info.rank} does not see the checkpoint in {folder}; all ranks must share the folder"
        )
    resumed_at, began, views_before = run.step, time.monotonic(), run.views
    with _surroundings(device), listening() as stop:
        _loop(run, sampler, render, device, stop, progress)
    seconds = time.monotonic() - began
    return Trained(
        learner=learner,
        step=run.step,
        views=run.views,
        seconds=seconds,
        views_per_second=(run.views - views_before) / seconds,
        resumed_at=resumed_at,
        curve=tuple(run.journal.rows),
        checkpoint=run.saved[0] if run.saved else None,
    )


def _loop(
    run: TrainingState, sampler: Sampler, render: Render, device: torch.device, stop: Stop, progress: Progress | None
) -> None:
    settings, rank_info = run.settings, ranks()
    computed = compute_dtype(settings.precision, device)
    cast = autocast(device, computed)

    def drawn(episode: Episode) -> Tensor:
        return render(episode).to(weights_dtype(computed))

    after_step = getattr(run.learner, "after_step", None)
    steps = range(run.step, settings.steps)
    graph = graph_wanted(settings, device)
    step = plain_step(run, cast, looks=device.type == "cpu" and not graph)
    with ExitStack() as during:
        if graph:
            during.enter_context(side_stream(device))
            step = GraphStep(step, run.learner, run.optimizer)
        if steps and should_compile(settings, device):
            first = compiled_views(render, lambda: next(batches(sampler, drawn, steps[:1], device, "off")))
            during.enter_context(compiled(run.learner, during.enter_context(first), cast))
        meter = ProgressLog(run, progress)
        for pixels, episode in batches(sampler, drawn, steps, device, settings.prefetch):
            seed_generators(random.key(settings.seed, "engine", run.step, rank_info.rank), device)
            loss, metrics = step(pixels, episode, rate(settings, run.step))
            if device.type == "cpu":  # reading it costs nothing here
                meter.loss = loss.item()
            if after_step is not None:
                after_step(run.step + 1, settings.steps)
            run.count(loss, metrics, pixels.shape[:3].numel() * rank_info.world)
            _keep(run, meter, stop, device)
    run.save()


def _keep(run: TrainingState, meter: ProgressLog, stop: Stop, device: torch.device) -> None:
    """After each step: the curve when its window is full, a checkpoint when due, the end when asked for."""
    done = run.step == run.settings.steps
    full = run.window.full or done
    due, number = float(meter.save_due), float(stop.number)
    if ranks().world > 1:
        # All ranks must save and stop at the same step, so they ask each other, but only now and then.
        due, number = all_reduce_max(due, number, device=device) if full else (0.0, 0.0)
    if full or due or number:
        run.check()
    if full:
        meter.write()
    if due or number or done:
        run.save()
        meter.saved()
    if number:
        raise Interrupted(int(number), run.step, run.settings.steps, run.saved[0] if run.saved else None)
    meter.show()


@contextmanager
def _surroundings(device: torch.device) -> Iterator[None]:
    """Global generators as before afterwards; cuDNN may try its algorithms, since every batch has the same shape."""
    tries = torch.backends.cudnn.benchmark
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.backends.cudnn.benchmark = True
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise UserError(f"{device} has too little memory for a batch; lower batch_views") from error
        finally:
            torch.backends.cudnn.benchmark = tries


def _share(learner: nn.Module, sampler: Sampler, settings: TrainSettings) -> None:
    """Make ready for several ranks: which axis they share, the same start, batch norms over all of them."""
    shape = getattr(sampler, "shape", None)
    if shape is None:
        raise UserError("several ranks need a sampler with a `shape`, like episodes.EpisodeSampler")
    if hasattr(learner, "shared_axis"):
        axis = shared_axis(shape.tasks, shape.way, ranks().world)
        setattr(learner, "shared_axis", axis)  # noqa: B010 - no attribute of every Module
    if settings.sync_norm:
        for name in getattr(learner, "networks", ()):
            if isinstance(child := getattr(learner, name, None), nn.Module):
                share_norms(child)
    same_start(learner)
