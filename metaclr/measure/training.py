"""Training views per second, end to end, and the ceiling of the same network on ready data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, Rendering, TaskShape
from metaclr.bridge.logits.upcast import upcast
from metaclr.engine import train
from metaclr.engine.cuda_graph.graph_step import GraphStep, should_record, side_stream
from metaclr.engine.optimizers import build_optimizer
from metaclr.engine.precision import autocast, compute_dtype, weights_dtype
from metaclr.engine.step import Result, Step, update
from metaclr.measure.timing import interleaved, rate, steps_for
from metaclr.measure.workload import Workload

TimedRun = Callable[[int], int]
"""Train the given number of steps; returns the number of views."""


def training(load: Workload, seconds: float, repeats: int) -> dict[str, list[float]]:
    """Views per second of `engine` and `ceiling`, in alternating turns of about `seconds` each."""
    engine, ceiling = engine_run(load, load.images()), ceiling_run(load)
    steps = steps_for(engine, seconds, load.device, least=2)
    ceiling(2)
    sides = {
        "engine": lambda: rate(lambda: engine(steps), load.device),
        "ceiling": lambda: rate(lambda: ceiling(steps), load.device),
    }
    return interleaved(sides, repeats)


def engine_run(load: Workload, source: ImageSet, *, eager_views: bool = False) -> TimedRun:
    """The engine's training: sampling, views, network, loss, optimizer, curve; each call continues the last.

    eager_views: do not compile the views, even if the network is compiled.
    """
    learner = load.learner(len(source))
    resident = source.to(load.device)
    sampler = EpisodeSampler(resident, TaskShape(load.batch_views // 2, 1, 1), seed=load.seed)
    rendering = Rendering(resident, load.recipe, seed=load.seed)
    pixels = rendering.__call__ if eager_views else rendering  # the engine compiles a Rendering only

    def run(steps: int) -> int:
        return train(learner, sampler, pixels, load.settings(steps)).views

    return run


def ceiling_run(load: Workload) -> TimedRun:
    """The same network (encoder and projector), precision and optimizer on one random batch, without views or loss.

    The loss is the mean square of the embeddings, whose gradient costs nearly nothing. The step is a CUDA graph if the
    workload's is.
    """
    learner = load.learner(1)
    settings = load.settings(1)
    computed = compute_dtype(settings.precision, load.device)
    network = nn.Sequential(learner.encoder, learner.projector).to(load.device, weights_dtype(computed))
    network.to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(network, settings)
    cast = autocast(load.device, computed)
    generator = torch.Generator().manual_seed(load.seed)
    rows = torch.rand(load.batch_views, load.channels, load.size, load.size, generator=generator)
    rows = rows.to(load.device, weights_dtype(computed)).contiguous(memory_format=torch.channels_last)
    if load.compiles:
        network.compile(dynamic=False)

    def plain(pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        with cast:
            loss = upcast(network(pixels)).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        update(network, optimizer, lr, None)
        return loss.detach(), {}

    record = should_record(settings, load.device)
    step: Step = GraphStep(plain, network, optimizer) if record else plain
    unused = torch.zeros(1, 1, 1, dtype=torch.int64, device=load.device)
    episode = Episode(unused, unused, unused[..., 0], shot=1)

    def run(steps: int) -> int:
        with ExitStack() as stack:
            if record:
                stack.enter_context(side_stream(load.device))
            for _ in range(steps):
                step(rows, episode, settings.lr)
        return steps * load.batch_views

    return run
