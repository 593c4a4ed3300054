"""Training views a second, end to end, and the ceiling that no way of feeding the network can pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, render
from metaclr.bridge.full import full
from metaclr.engine import train
from metaclr.engine.optimizers import build_optimizer
from metaclr.engine.precision import autocast, compute_dtype, weights_dtype
from metaclr.measure.timing import interleaved, rate, steps_for
from metaclr.measure.workload import Workload

Run = Callable[[int], int]
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


def engine_run(load: Workload, source: ImageSet) -> Run:
    """The engine as it trains: sampling, views, network, loss, optimiser, curve. Goes on with the same weights."""
    learner = load.learner(len(source))
    resident = source.to(load.device)
    sampler = EpisodeSampler(resident, TaskShape(load.batch_views // 2, 1, 1), seed=load.seed)

    def pixels(episode: Episode) -> torch.Tensor:
        return render(resident, episode, load.recipe, seed=load.seed)

    def run(steps: int) -> int:
        return train(learner, sampler, pixels, load.settings(steps)).views

    return run


def ceiling_run(load: Workload) -> Run:
    """The same network (encoder and projector), precision and optimiser on one ready random batch, and nothing else.

    The loss is the mean square of the embeddings: a gradient must come from somewhere, and this one costs nothing.
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

    def run(steps: int) -> int:
        for _ in range(steps):
            with cast:
                loss = full(network(rows)).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return steps * load.batch_views

    return run
