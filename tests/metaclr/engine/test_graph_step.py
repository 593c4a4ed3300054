"""A recorded step trains as the plain one does, for every method; what cannot be recorded is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape
from metaclr import methods
from metaclr.engine import Learner, TrainSettings, train
from metaclr.engine.cuda_graph import graph_step
from metaclr.networks import build_projector
from tests.metaclr.engine import recorder

Build = Callable[..., Learner]
Pixels = Callable[[Episode], Tensor]
# Rates that a float32 holds exactly: lr (1 - step / 8).
SETTINGS = TrainSettings(
    steps=8, lr=2.0**-6, schedule="linear", warmup=0, log_every=3, device="cpu", precision="fp32", clip=0.5
)
NOT_RECORDED = {"reptile": "its inner batches and Adam's bias correction are functions of the number of the step"}
TRAINED = [name for name in methods.names() if methods.get(name).trained and name not in NOT_RECORDED]


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Record as if this were a GPU; one entry for each replay. One thread: sums over several differ from run to run."""
    done: list[int] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def record(work: Callable[[], None]) -> Callable[[], None]:
        replay = recorder.record(work)
        return lambda: (done.append(1), replay())[1]

    monkeypatch.setattr(graph_step, "record", record)
    monkeypatch.setattr(graph_step, "DEVICES", ("cuda", "cpu"))
    # Labels are looked at on a CPU only.
    for name, module in list(sys.modules.items()):
        if name.startswith("metaclr.bridge.") and hasattr(module, "require_distinct_labels"):
            monkeypatch.setattr(module, "require_distinct_labels", lambda *_: None)
    yield done
    torch.set_num_threads(threads)


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
    assert len(replays) == SETTINGS.steps - graph_step.WARM_UP


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
    data = labelled()
    shape = TaskShape(method.way or 16, method.shot, method.query)
    labels = "instance" if method.labels == "instance" else "given"  # in place of clusters
    sampler = EpisodeSampler(data, shape, way_type=method.way_type, labels=labels, seed=3)

    def build() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()
            )
            encoder.features = 128  # type: ignore[assignment]
            if method.learner is not None:
                return method.learner(encoder, method, seed=0, settings={})  # type: ignore[no-any-return]
            projector = build_projector(method.projector, 128, hidden=16, dim=12, seed=0)
            objective = method.objective.build(int(projector.features), dataset_size=len(data), classes=data.classes)
            return Learner(encoder, projector, objective, momentum=method.momentum, dataset_size=len(data))

    def pixels(episode: Episode) -> Tensor:
        noise = (episode.views * 37 % 11).float() / 50
        return data.images[episode.images].float() / 255 + noise[..., None, None, None]

    same(build, sampler, pixels, SETTINGS)
    assert len(replays) == SETTINGS.steps - graph_step.WARM_UP


def test_a_checkpoint_is_that_of_a_plain_run_and_either_goes_on(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels, replays: list[int], tmp_path: Path
) -> None:
    def until_six(step: int) -> Episode:
        if step == 6:
            raise RuntimeError("power cut")
        return sampler(step)

    ends = []
    for first, second in (("off", "off"), ("on", "off"), ("off", "on")):
        folder = tmp_path / first / second
        settings = replace(SETTINGS, checkpoint_seconds=1e-9, cuda_graph=first)
        with pytest.raises(RuntimeError, match="power cut"):
            train(in_place(learner(momentum=0.9)), until_six, pixels, settings, folder)
        groups = torch.load(folder / "checkpoint.pt", weights_only=True)["optimizer"]["param_groups"]
        assert [(group["lr"], group["capturable"]) for group in groups] == [(2.0**-6 * 3 / 8, False)] * 2
        settings = replace(settings, cuda_graph=second)
        ends.append(states(train(in_place(learner(momentum=0.9)), sampler, pixels, settings, folder)))
    assert len(replays) == 3  # six steps with three to warm up; two steps with none to spare
    assert all(torch.equal(value, end[name]) for end in ends[1:] for name, value in ends[0].items())


def test_a_batch_of_another_shape_is_a_plain_step(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels, replays: list[int]
) -> None:
    fewer = EpisodeSampler(sampler.image_set, TaskShape(way=6, shot=1, query=1, tasks=2), seed=3)
    mixed = lambda step: (fewer if step == 6 else sampler)(step)  # noqa: E731
    same(lambda: in_place(learner()), mixed, pixels, SETTINGS)
    assert len(replays) == SETTINGS.steps - graph_step.WARM_UP - 1


class Waits(Learner):
    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        loss, metrics = super().forward(pixels, episode)
        return loss * (1 + float(metrics["embedding_std"])), metrics


class Counts(Learner):
    seen = 0

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        self.seen += 1
        loss, metrics = super().forward(pixels, episode)
        return loss * self.seen, metrics


class AsksForTheStep(Learner):
    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        loss, metrics = super().forward(pixels, episode)
        return loss * (1 + episode.step), metrics


class IsChangedAfterwards(Learner):
    weight = 1.0

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        loss, metrics = super().forward(pixels, episode)
        return loss * self.weight, metrics

    def after_step(self, step: int, steps: int) -> None:
        self.weight = step / steps


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Learner, "objective.mean is replaced or changed by a step"),
        (Waits, "not permitted when stream is capturing"),
        (Counts, "seen is replaced or changed by a step"),
        (AsksForTheStep, "reads the step number"),
        (IsChangedAfterwards, "weight is replaced or changed by a step"),
    ],
)
def test_what_cannot_be_recorded_is_noticed_and_trains_plainly(
    kind: type[Learner],
    reason: str,
    learner: Build,
    sampler: EpisodeSampler,
    pixels: Pixels,
    replays: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def build() -> Learner:
        plain = learner() if kind is Learner else in_place(learner())
        return kind(plain.encoder, plain.projector, plain.objective)

    same(build, sampler, pixels, SETTINGS)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert reason in said
    assert not replays


def test_who_waits_in_a_plain_step_is_not_recorded(
    learner: Build,
    sampler: EpisodeSampler,
    pixels: Pixels,
    replays: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        graph_step, "detect_syncs", lambda _device: nullcontext(["called a synchronizing CUDA operation"])
    )
    same(lambda: in_place(learner()), sampler, pixels, SETTINGS)
    assert "the step waits for the device; running without" in capsys.readouterr().err
    assert not replays


def test_there_are_none_on_a_cpu_and_none_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert not graph_step.should_record(SETTINGS, gpu)
    assert not capsys.readouterr().err
    asked = replace(SETTINGS, cuda_graph="on")
    assert graph_step.should_record(asked, gpu)
    assert not graph_step.should_record(asked, cpu)
    assert capsys.readouterr().err == "cuda_graph = 'on': not on a cpu; running without\n"


def test_the_recorder_does_as_a_graph() -> None:
    """The test's own tool: nothing has happened when it has recorded, and a number of Python is a constant."""
    state, given, factor = torch.zeros(3), torch.ones(3), 2.0
    out: list[Tensor] = []

    def work() -> None:
        state.add_(given * factor)
        out.append(state.sum() + torch.rand(()))

    torch.manual_seed(0)
    replay = recorder.record(work)
    assert torch.equal(state, torch.zeros(3))
    factor = 5.0
    given.fill_(10)
    replay()
    replay()
    assert torch.equal(state, torch.full((3,), 40.0))
    torch.manual_seed(0)
    draws = torch.rand(2)
    assert torch.equal(out[0], 120 + draws[1])
    with pytest.raises(RuntimeError, match="capturing"):
        recorder.record(lambda: print(state.sum().item()))
