"""The training step as one CUDA graph: recorded once, then one launch instead of one per kernel.

It pays off where a step is so short that the host cannot launch its hundreds of kernels as fast as the GPU runs them:
small networks, small batches. It costs memory (what a step allocates stays allocated) and three plain steps first.

A replay runs the same kernels on the same addresses. So only the content of fixed tensors may differ between steps:
parameters, buffers, optimizer state, and the tensors that batch and learning rate are copied to. Python numbers become
constants. The last plain step is therefore checked: a learner that waits for the device, replaces a buffer, counts in
Python or reads the step number is never recorded. State in other attributes than parameters and buffers is not
detected; a checkpoint would not contain it either.

Dropout equals that of the plain step: the generator is seeded before every step, and a replay reads its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from episodes import Episode
from metaclr.console import notify
from metaclr.engine.compiling import first_line
from metaclr.engine.cuda_graph.capture_checks import CapturedState, tracked
from metaclr.engine.cuda_graph.sync_detector import detect_syncs
from metaclr.engine.distributed import ranks
from metaclr.engine.settings import TrainSettings
from metaclr.engine.step import Result, Step

DEVICES = ("cuda",)
"""Device types with graphs."""

WARM_UP = 3
"""Plain steps before recording: they create the optimizer's state, and cuDNN and the compiler select kernels."""


def should_record(settings: TrainSettings, device: torch.device) -> bool:
    """Whether to record the step. `auto` is off: for which networks it pays off has not been measured on a GPU yet, and
    elsewhere it only takes memory; `benchmarks/gpu_cifar10.py` measures it.
    """
    if settings.cuda_graph != "on":
        return False
    reasons = (
        ("not in float64, whose learning rate a graph would round", settings.precision == "fp64"),
        ("not with several ranks", ranks().world > 1),
        (f"not on a {device}", device.type not in DEVICES),
    )
    obstacles = [reason for reason, holds in reasons if holds]
    if obstacles and ranks().first:
        notify(f"cuda_graph = 'on': {obstacles[0]}; running without")
    return not obstacles


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Run the block on a separate stream: the default stream cannot be recorded."""
    if device.type != "cuda":
        yield
        return
    outer = torch.cuda.current_stream(device)
    stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(outer)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        outer.wait_stream(stream)


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Record the kernels of `work` without running them; call the result to run them. Inside `side_stream` only."""
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.current_stream()
    # The outer block restores the stream if recording fails. thread_local: prefetching threads may allocate
    # pinned memory meanwhile.
    with torch.cuda.stream(stream), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    replay: Callable[[], None] = graph.replay
    return replay


class GraphStep:
    """A `Step` that is plain at first, then recorded and replayed, or stays plain if it cannot be recorded."""

    def __init__(self, plain: Step, learner: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """`plain` runs a step without reading a value from the device."""
        self.plain, self.learner, self.optimizer = plain, learner, optimizer
        self.count = 0
        self.unfit: list[str] = []
        self.before: CapturedState | None = None
        self.graph: Recorded | None = None

    def __call__(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        """One step."""
        self.count += 1
        if self.count == WARM_UP:
            return self._checked(pixels, episode, lr)
        if self.count == WARM_UP + 1:
            self._record(pixels, episode)
        if self.graph is None or not self.graph.fits(pixels, episode):
            return self.plain(pixels, episode, lr)
        for group in self.optimizer.param_groups:  # for a checkpoint only
            group["lr"] = lr
        return self.graph(pixels, episode, lr)

    def _checked(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        self.before = CapturedState(self.learner, self.optimizer)
        episode = tracked(episode)
        with detect_syncs(pixels.device) as syncs:
            result = self.plain(pixels, episode, lr)
        self.unfit += ["the step waits for the device"] * bool(syncs)
        self.unfit += ["the learner reads the step number"] * episode.step_was_read
        return result

    def _record(self, pixels: Tensor, episode: Episode) -> None:
        if self.before is not None:
            changed = CapturedState(self.learner, self.optimizer).changed_since(self.before)
            self.unfit += [f"{name} is replaced or changed by a step" for name in changed]
        if not self.unfit:
            try:
                self.graph = Recorded(self.plain, pixels, episode, self.optimizer)
            except Exception as error:  # CUDA and the recorded code have no common error type
                self.optimizer.zero_grad(set_to_none=True)
                # An error during recording is followed by CUDA's error that the recording is invalid.
                self.unfit.append(first_line(error.__context__ or error))
        if self.unfit:
            notify(f"cuda_graph: {self.unfit[0]}; running without")


class Recorded:
    """A recorded step, with its input tensors (batch, learning rate) and output tensors (loss, metrics)."""

    def __init__(self, step: Step, pixels: Tensor, episode: Episode, optimizer: torch.optim.Optimizer) -> None:
        """Record `step` on a batch of this shape, without running it."""
        self.pixels = pixels.clone()
        self.episode = replace(
            episode, images=episode.images.clone(), views=episode.views.clone(), labels=episode.labels.clone()
        )
        self.lr = torch.zeros((), device=pixels.device)

        def work() -> None:
            self.loss, self.metrics = step(self.pixels, self.episode, self.lr)

        with _capturable(optimizer):
            self.replay = record(work)

    def fits(self, pixels: Tensor, episode: Episode) -> bool:
        """Whether a batch has the shapes and dtype of the recorded one."""
        return (
            pixels.shape == self.pixels.shape
            and pixels.dtype == self.pixels.dtype
            and episode.images.shape == self.episode.images.shape
            and episode.shot == self.episode.shot
        )

    def __call__(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        """One step; the next call overwrites its result."""
        self.pixels.copy_(pixels)
        for name in ("images", "views", "labels"):
            getattr(self.episode, name).copy_(getattr(episode, name))
        self.lr.fill_(lr)
        self.replay()
        return self.loss, self.metrics


@contextmanager
def _capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Inside, the optimizer is `capturable`; its settings are restored afterwards, so that checkpoints stay equal."""
    before: list[dict[str, Any]] = [
        {name: group[name] for name in ("lr", "capturable") if name in group} for group in optimizer.param_groups
    ]
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, settings in zip(optimizer.param_groups, before, strict=True):
            group.update(settings)
