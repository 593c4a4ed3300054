"""One rank of two (or the only one) for test_distributed: trains every case and saves the results."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape
from metaclr.bridge.logits.tiling import tiling
from metaclr.engine import Learner, Trained, TrainSettings, train
from metaclr.engine.distributed import leave, ranks
from metaclr.methods import get

CASES = {
    "ways": (TaskShape(way=12, shot=1, query=1), "simclr", None),
    "tasks": (TaskShape(way=4, shot=1, query=2, tasks=4), "protoclr", None),
    "target": (TaskShape(way=8, shot=1, query=1), "simclr", 0.9),
    "tiled": (TaskShape(way=12, shot=1, query=1), "simclr", None),  # as "ways", without storing the logits
}


def build(method: str, momentum: float | None) -> Learner:
    torch.manual_seed(0)
    encoder = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten()
    )
    projector = nn.Sequential(nn.Linear(32, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
    return Learner(encoder, projector, get(method).objective.build(8), momentum=momentum)


def gradients(learner: Learner, sampler: EpisodeSampler, render: object) -> dict[str, Tensor]:
    """Loss and gradient of step 0, as the engine computes them."""
    from metaclr.engine.precision import autocast
    from metaclr.engine.rank_setup import prepare_for_ranks
    from metaclr.engine.step import forward_backward

    if ranks().world > 1:
        prepare_for_ranks(learner, sampler, sync_norm=True)
    episode = sampler(0)
    pixels = render(episode).to(next(learner.parameters()).dtype)
    loss, _ = forward_backward(learner, pixels, episode, autocast(torch.device("cpu"), torch.float32))
    grads = {n: p.grad.clone() for n, p in learner.named_parameters() if p.grad is not None}
    return {"loss": loss, **grads}


def outcome(trained: Trained) -> dict[str, object]:
    """Final weights and curve of a training."""
    return {"learner": trained.learner.state_dict(), "curve": list(trained.curve)}


def rank(out: Path, number: int, world: int, port: int) -> None:
    """Train every case as rank `number` of `world`, set in the environment as by torchrun."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE=str(world))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    if world > 1:
        dist.init_process_group("gloo")
    rank_info = ranks()
    assert (rank_info.rank, rank_info.world) == (number, world)
    generator = torch.Generator().manual_seed(1)
    images = ImageSet(torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=generator))

    def render(episode: Episode) -> Tensor:
        noise = (episode.views * 37 % 11).float() / 20
        return images.images[episode.images].float() / 255 + noise[..., None, None, None]

    results = {}
    for name, (shape, method, momentum) in CASES.items():
        sampler = EpisodeSampler(images, shape, seed=5, rank=rank_info.rank, world=rank_info.world)
        settings = TrainSettings(steps=4, optimizer="sgd", lr=0.05, log_every=2, precision="fp32", device="cpu")
        exactly = TrainSettings(steps=20, log_every=5, precision="fp64", device="cpu")
        folder = out / f"world{rank_info.world}" / name
        with tiling(5, 4, above=0 if name == "tiled" else sys.maxsize):
            results[name] = {
                "first": gradients(build(method, momentum), sampler, render),
                **outcome(train(build(method, momentum), sampler, render, settings, folder)),
            }
            results[f"{name} fp64"] = {
                "first": gradients(build(method, momentum).double(), sampler, render),
                **outcome(train(build(method, momentum), sampler, render, exactly)),
            }
    torch.save(results, out / f"world{rank_info.world}-rank{rank_info.rank}.pt")
    leave()
