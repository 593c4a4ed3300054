"""The training step as one CUDA graph: recorded once, then a single launch instead of one for every operation.

It pays where a step is so short that the host cannot launch its hundreds of kernels as fast as the GPU runs them: small
networks, small batches. It costs memory (what a step allocates stays allocated) and three plain steps first.

A recorded step does the same again with whatever is in the same tensors. So nothing may differ from step to step but
the content of tensors that stay where they are: parameters, buffers, optimizer state, and the places that batch and
learning rate are copied to. Numbers of Python become constants. The last plain step is therefore watched: a learner
that waits for the device, replaces a buffer, counts in Python or asks for the number of the step is never recorded.
State in other attributes than parameters and buffers is not seen; a checkpoint would not hold it either.

Dropout is that of the plain step: the generator is seeded before every step, and a graph asks it when replayed.
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
from metaclr.engine.cuda_graph.capture_checks import CapturedState, asked
from metaclr.engine.cuda_graph.sync_detector import detect_syncs
from metaclr.engine.distributed import ranks
from metaclr.engine.settings import TrainSettings
from metaclr.engine.step import Result, Step

DEVICES = ("cuda",)
"""Which kinds of devices have graphs."""

WARM_UP = 3
"""Plain steps first: they make the optimizer's state, and cuDNN and the compiler choose their kernels."""


def graph_wanted(settings: TrainSettings, device: torch.device) -> bool:
    """Whether to record the step. `auto`: no. For which networks it pays has not been measured on a GPU yet, and where
    it does not, it takes memory for nothing; `benchmarks/gpu_cifar10.py` measures it.
    """
    if settings.cuda_graph != "on":
        return False
    reasons = (
        ("not in float64, whose learning rate a graph would round", settings.precision == "fp64"),
        ("not with several ranks", ranks().world > 1),
        (f"not on a {device}", device.type not in DEVICES),
    )
    against = [reason for reason, holds in reasons if holds]
    if against and ranks().first:
        notify(f"cuda_graph = 'on': {against[0]}; running without")
    return not against


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Run the block on a stream of its own: the default one cannot be recorded."""
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
    """Record what `work` launches, without running it; the result runs it. Inside `side_stream` only."""
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.current_stream()
    # The outer block puts the stream back where recording fails. thread_local: threads that read ahead may ask CUDA
    # for pinned memory meanwhile.
    with torch.cuda.stream(stream), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    replay: Callable[[], None] = graph.replay
    return replay


class GraphStep:
    """A `Step` that is plain at first, then recorded and replayed, or plain for good where that cannot be."""

    def __init__(self, plain: Step, learner: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """`plain` does a step, without looking at any number on the device."""
        self.plain, self.learner, self.optimizer = plain, learner, optimizer
        self.count = 0
        self.unfit: list[str] = []
        self.before: CapturedState | None = None
        self.graph: Recorded | None = None

    def __call__(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        """One step."""
        self.count += 1
        if self.count == WARM_UP:
            return self._watched(pixels, episode, lr)
        if self.count == WARM_UP + 1:
            self._record(pixels, episode)
        if self.graph is None or not self.graph.fits(pixels, episode):
            return self.plain(pixels, episode, lr)
        for group in self.optimizer.param_groups:  # for a checkpoint only
            group["lr"] = lr
        return self.graph(pixels, episode, lr)

    def _watched(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        self.before = CapturedState(self.learner, self.optimizer)
        watched = asked(episode)
        with detect_syncs(pixels.device) as waited:
            result = self.plain(pixels, watched, lr)
        self.unfit += ["the step waits for the device"] * bool(waited)
        self.unfit += ["the learner reads the number of the step"] * watched.of_step
        return result

    def _record(self, pixels: Tensor, episode: Episode) -> None:
        if self.before is not None:
            moved = CapturedState(self.learner, self.optimizer).moved(self.before)
            self.unfit += [f"{name} is another after each step" for name in moved]
        if not self.unfit:
            try:
                self.graph = Recorded(self.plain, pixels, episode, self.optimizer)
            except Exception as error:  # of CUDA or of what is recorded: they have no common kind
                self.optimizer.zero_grad(set_to_none=True)
                # An error while recording is followed by the one that there is no recording.
                self.unfit.append(first_line(error.__context__ or error))
        if self.unfit:
            notify(f"cuda_graph: {self.unfit[0]}; running without")


class Recorded:
    """A step in a graph, with the tensors that it reads its batch and learning rate from and leaves its result in."""

    def __init__(self, step: Step, pixels: Tensor, episode: Episode, optimizer: torch.optim.Optimizer) -> None:
        """Record `step` on a batch like this one; it is not run."""
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
        """Whether a batch is like the one that was recorded."""
        return (
            pixels.shape == self.pixels.shape
            and pixels.dtype == self.pixels.dtype
            and episode.images.shape == self.episode.images.shape
            and episode.shot == self.episode.shot
        )

    def __call__(self, pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        """One step. The result is overwritten by the next one."""
        self.pixels.copy_(pixels)
        for name in ("images", "views", "labels"):
            getattr(self.episode, name).copy_(getattr(episode, name))
        self.lr.fill_(lr)
        self.replay()
        return self.loss, self.metrics


@contextmanager
def _capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Inside, the optimizer lets itself be recorded; its settings are then as before, and so are its checkpoints."""
    before: list[dict[str, Any]] = [
        {name: group[name] for name in ("lr", "capturable") if name in group} for group in optimizer.param_groups
    ]
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, kept in zip(optimizer.param_groups, before, strict=True):
            group.update(kept)
