"""Training views a second, end to end, and the ceiling that no way of feeding the network can pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, Rendering, TaskShape
from metaclr.bridge.logits.upcast import upcast
from metaclr.engine import train
from metaclr.engine.cuda_graph.graph_step import GraphStep, graph_wanted, side_stream
from metaclr.engine.optimizers import build_optimizer
from metaclr.engine.precision import autocast, compute_dtype, weights_dtype
from metaclr.engine.step import Result, Step, update
from metaclr.measure.timing import interleaved, rate, steps_for
from metaclr.measure.workload import Workload

TimedRun = Callable[[int], int]
"""Train so many steps; returns the views that were trained on."""


def training(load: Workload, seconds: float, repeats: int) -> dict[str, list[float]]:
    """Views a second of `engine` and `ceiling`, in turns of about `seconds` each."""
    engine, ceiling = engine_run(load, load.images()), ceiling_run(load)
    steps = steps_for(engine, seconds, load.device, least=2)
    ceiling(2)
    sides = {
        "engine": lambda: rate(lambda: engine(steps), load.device),
        "ceiling": lambda: rate(lambda: ceiling(steps), load.device),
    }
    return interleaved(sides, repeats)


def engine_run(load: Workload, source: ImageSet, *, eager_views: bool = False) -> TimedRun:
    """The engine as it trains: sampling, views, network, loss, optimizer, curve. Goes on with the same weights.

    eager_views: the views are not compiled, even where the network is.
    """
    learner = load.learner(len(source))
    resident = source.to(load.device)
    sampler = EpisodeSampler(resident, TaskShape(load.batch_views // 2, 1, 1), seed=load.seed)
    rendering = Rendering(resident, load.recipe, seed=load.seed)
    pixels = rendering.__call__ if eager_views else rendering  # the engine compiles a Rendering, never a function

    def run(steps: int) -> int:
        return train(learner, sampler, pixels, load.settings(steps)).views

    return run


def ceiling_run(load: Workload) -> TimedRun:
    """The same network (encoder and projector), precision and optimizer on one ready random batch, and nothing else.

    The loss is the mean square of the embeddings: a gradient must come from somewhere, and this one costs nothing.
    The step is a CUDA graph where the workload's is.
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

    graph = graph_wanted(settings, load.device)
    step: Step = GraphStep(plain, network, optimizer) if graph else plain
    nobody = torch.zeros(1, 1, 1, dtype=torch.int64, device=load.device)
    episode = Episode(nobody, nobody, nobody[..., 0], shot=1)

    def run(steps: int) -> int:
        with ExitStack() as during:
            if graph:
                during.enter_context(side_stream(load.device))
            for _ in range(steps):
                step(rows, episode, settings.lr)
        return steps * load.batch_views

    return run
