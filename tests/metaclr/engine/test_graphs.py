"""A recorded step trains as the plain one does, for every method; what cannot be recorded is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import recorder
import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape
from metaclr import methods
from metaclr.engine import Learner, TrainSettings, graphs, train
from metaclr.networks import build_encoder, build_projector

Build = Callable[..., Learner]
Pixels = Callable[[Episode], Tensor]
# Rates that a float32 holds exactly: lr (1 - step / 8).
SETTINGS = TrainSettings(
    steps=8, lr=2.0**-6, schedule="linear", warmup=0, log_every=3, device="cpu", precision="fp32", clip=0.5
)
TRAINED = [name for name in methods.names() if methods.get(name).trained]


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record as if this were a GPU; one entry for each replay."""
    done: list[int] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        replay = recorder.record(work)
        return lambda: (done.append(1), replay())[1]

    monkeypatch.setattr(graphs, "record", record)
    monkeypatch.setattr("metaclr.engine.train.graph_wanted", lambda settings, _device: settings.cuda_graph == "on")
    # What only a CPU does: looks at labels, which would wait on a GPU, and the first block's short cut.
    for name, module in list(sys.modules.items()):
        if name.startswith("metaclr.bridge.") and hasattr(module, "check_distinct"):
            monkeypatch.setattr(module, "check_distinct", lambda *_: None)
    return done


def labelled() -> ImageSet:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (96, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return ImageSet(images, torch.arange(96) % 16, class_names=tuple(map(str, range(16))))


def states(trained: Any) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trained.learner.state_dict().items()}


def same(build: Callable[[], nn.Module], sampler: Any, pixels: Pixels, settings: TrainSettings) -> None:
    plain = train(build(), sampler, pixels, replace(settings, cuda_graph="off"))
    recorded = train(build(), sampler, pixels, replace(settings, cuda_graph="on"))
    for name, value in states(recorded).items():
        assert torch.equal(value, plain.learner.state_dict()[name]), name
    drop = "views_per_second"
    rows = [[{k: v for k, v in row.items() if k != drop} for row in one.curve] for one in (plain, recorded)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "lars"])
def test_every_optimiser(
    optimizer: Any, learner: Build, sampler: EpisodeSampler, pixels: Pixels, replays: list[int]
) -> None:
    settings = replace(SETTINGS, optimizer=optimizer, weight_decay=2.0**-4)
    same(lambda: in_place(learner(momentum=0.9)), sampler, pixels, settings)
    assert len(replays) == SETTINGS.steps - graphs.WARM_UP


def in_place(learner: Learner) -> Learner:
    """The small learner's objective with its running mean kept where it is."""

    def forward(embeddings: Tensor, context: Any = None) -> Tensor:
        mean = learner.objective.mean
        loss: Tensor = type(learner.objective).forward(learner.objective, embeddings, context)
        with torch.no_grad():
            mean.copy_(learner.objective.mean)
        learner.objective.mean = mean
        return loss + 0.1 * mean  # it matters

    learner.objective.forward = forward  # type: ignore[method-assign]
    return learner


@pytest.mark.parametrize("name", TRAINED)
def test_every_method(name: str, replays: list[int]) -> None:
    method = methods.get(name)
    if method.learner is not None:
        pytest.importorskip("learn2learn")
    data = labelled()
    shape = TaskShape(method.way or 16, method.shot, method.query)
    sampler = EpisodeSampler(data, shape, ways=method.ways, labels=method.labels, seed=3)

    def build() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten()
            )
            encoder.features = 32  # type: ignore[assignment]
            if method.learner is not None:
                return method.learner(encoder, method, seed=0, settings={})  # type: ignore[no-any-return]
            projector = build_projector(method.projector, 32, hidden=16, dim=12, seed=0)
            objective = method.objective.build(int(projector.features), population=len(data), classes=data.classes)
            return Learner(encoder, projector, objective, momentum=method.momentum, population=len(data))

    def pixels(episode: Episode) -> Tensor:
        noise = (episode.views * 37 % 11).float() / 50
        return data.images[episode.images].float() / 255 + noise[..., None, None, None]

    same(build, sampler, pixels, SETTINGS)
    assert len(replays) == SETTINGS.steps - graphs.WARM_UP
