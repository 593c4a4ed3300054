"""Seconds of training until 5-way 1-shot accuracy on Omniglot: metaclr against learn2learn's and lightly's loops.

    METACLR_DATA=FOLDER python benchmarks/time_to_accuracy.py [--goal 90] [--limit 600] [--threads 1] [--repeats 1]
        [--sides WORD] [--quick] [--json FILE]

Five sides, each from the same initial weights of Conv-4 (64 filters), 256 images a step (64 ways of 1 shot and 3
queries, or 128 images of 2 views), Adam at 1e-3, quarter turns as classes, one precision (--precision):

- metaclr protonet, on drawings as they are: labelled classes.
- the same with distances divided by 4, for they begin at twice the loss of guessing otherwise.
- learn2learn's ProtoNet loop, as its examples/vision/protonet_miniimagenet.py: MetaDataset, NWays, KShots, LoadData,
  RemapLabels, a DataLoader, prototypes and squared distances; from float pixels in memory, around the textbook Conv-4.
- metaclr simclr, on the views that the project has for drawings: no labels.
- lightly's SimCLR loop, as its documentation: its loader and NTXentLoss; its views are torchvision's affine pose, for
  drawings have no color to jitter (--workers N).

The clock of a side counts training alone: it stops while the encoder is measured, by cosine prototypes on 500 stored
episodes of the validation characters, every --every seconds of training. Sides run one after the other in one process.
A side that has not reached the goal at --limit seconds says what it has.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from common import finish, missing, options, run, start
from peer_lightly import Pictures, textbook_conv4
from peers_few_shot import Pairs, learn2learn_tasks
from torch import Tensor, nn
from torch.utils.data import DataLoader

from episodes import PRESETS, EpisodeSampler, EpisodeTable, ImageSet, Rendering, TaskShape, sample_table, to_float
from metaclr import methods
from metaclr.data import load
from metaclr.engine import Learner, TrainSettings, train
from metaclr.engine.precision import autocast, compute_dtype
from metaclr.evaluation.features import features
from metaclr.evaluation.few_shot import episode_accuracies
from metaclr.networks import build_encoder, build_projector

WAYS, SHOT, QUERY = 64, 1, 3
IMAGES, VIEWS = 128, 2
LR = 1e-3


class ReachedError(Exception):
    """Ends a training that has reached the goal or the limit."""


@dataclass
class Clock:
    """Training seconds of one side, and its accuracy in percent at each measurement."""

    measure: Callable[[nn.Module], float]
    goal: float
    limit: float
    every: float
    seconds: float = 0.0
    curve: list[tuple[float, int, float]] = field(default_factory=list)
    """(seconds, steps, accuracy)."""
    _began: float = field(default_factory=time.perf_counter)
    _next: float = 0.0

    def start(self) -> None:
        """Start to count."""
        self._began, self._next = time.perf_counter(), self.every

    def tick(self, encoder: nn.Module, steps: int) -> None:
        """Between two steps: measure if it is time to, with the clock stopped.

        Raises:
            ReachedError: the goal, or the limit.
        """
        now = time.perf_counter()
        spent = self.seconds + now - self._began
        if spent < self._next:
            return
        self.seconds = spent
        self.curve.append((spent, steps, self.measure(encoder)))
        if self.curve[-1][2] >= self.goal or spent >= self.limit:
            raise ReachedError
        self._next = spent + self.every
        self._began = time.perf_counter()

    @property
    def found(self) -> float | None:
        """Seconds until the goal, None if it was not reached."""
        return self.seconds if self.curve and self.curve[-1][2] >= self.goal else None


def accuracy(encoder: nn.Module, images: ImageSet, table: EpisodeTable) -> float:
    """Percent, by cosine prototypes of the encoder in evaluation mode."""
    training = encoder.training
    rows = features(encoder, images)
    encoder.train(training)
    return 100 * float(episode_accuracies(rows, table).mean())


def ours(
    name: str, images: ImageSet, chosen: Namespace, clock: Clock, device: torch.device, temperature: float | None = None
) -> None:
    """metaclr's engine with one of its methods, at its own temperature unless one is given."""
    method = methods.get(name)
    encoder = build_encoder("conv4", 1, 28, seed=0)
    labelled = name == "protonet"
    projector = build_projector(method.projector, int(encoder.features), hidden=256, dim=128, seed=0)  # type: ignore[arg-type]
    own = {} if temperature is None else {"temperature": temperature}
    objective = method.objective.build(
        int(projector.features),  # type: ignore[arg-type]
        dataset_size=len(images),
        classes=images.classes,
        **own,
    )
    learner = Learner(encoder, projector, objective, dataset_size=len(images))
    shape = TaskShape(WAYS, SHOT, QUERY) if labelled else TaskShape(IMAGES, 1, VIEWS - 1)
    sampler = EpisodeSampler(images, shape, seed=0, way_type="classes" if labelled else "instances")
    render = Rendering(images, PRESETS["identity" if labelled else "omniglot"], seed=0)
    settings = TrainSettings(
        steps=10**6, lr=LR, schedule="constant", warmup=0.0, precision=chosen.precision, device=str(device), seed=0
    )
    clock.start()
    train(learner, sampler, render, settings, progress=lambda step, *_: clock.tick(encoder, step))


def learn2learn(images: ImageSet, chosen: Namespace, clock: Clock, device: torch.device) -> None:
    """learn2learn's ProtoNet loop around the textbook Conv-4 with the same weights."""
    encoder = textbook_conv4(build_encoder("conv4", 1, 28, seed=0)).to(device).train()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=LR)
    cast = autocast(device, compute_dtype(chosen.precision, device))
    pairs = Pairs(to_float(images.images[:]), images.required_labels())
    shape = TaskShape(WAYS, SHOT, QUERY)
    loader = DataLoader(learn2learn_tasks(pairs, shape, -1), num_workers=0)
    is_support = (torch.arange(WAYS * shape.views) % shape.views < SHOT).to(device)
    clock.start()
    for steps in count(1):
        batch = next(iter(loader))  # as its example: an endless set of tasks has the length 1
        pixels, labels = batch[0].squeeze(0).to(device), batch[1].squeeze(0).to(device)
        order = torch.sort(labels).indices
        pixels, labels = pixels[order], labels[order]
        with cast:
            embedded = encoder(pixels)
        embedded = embedded.float()
        prototypes = embedded[is_support].view(WAYS, SHOT, -1).mean(1)
        distances = ((embedded[~is_support].unsqueeze(1) - prototypes.unsqueeze(0)) ** 2).sum(2)  # as its example
        loss = F.cross_entropy(-distances, labels[~is_support])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock.tick(encoder, steps)


def drawing_views() -> Any:
    """Views of drawings by torchvision, near the preset `omniglot`: pose and resized crop (no elastic, no strokes)."""
    from lightly.transforms.multi_view_transform import MultiViewTransform
    from torchvision.transforms import v2

    one = v2.Compose(
        [
            v2.Grayscale(),
            v2.RandomAffine(degrees=10, translate=(0.05, 0.05), scale=(0.85, 1.15), shear=(-8, 8, -8, 8)),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return MultiViewTransform([one, one])


def lightly(images: ImageSet, chosen: Namespace, clock: Clock, device: torch.device) -> None:
    """lightly's SimCLR loop around the textbook Conv-4 and the same projector, with the same weights."""
    from lightly.loss import NTXentLoss

    ours_ = build_encoder("conv4", 1, 28, seed=0)
    projector = build_projector("mlp", int(ours_.features), hidden=256, dim=128, seed=0)  # type: ignore[arg-type]
    encoder = textbook_conv4(ours_)
    model = nn.Sequential(encoder, deepcopy(projector)).to(device).train()
    criterion = NTXentLoss(temperature=float(methods.get("simclr").defaults["temperature"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    cast = autocast(device, compute_dtype(chosen.precision, device))
    color: Tensor = images.images[:].expand(-1, 3, -1, -1)  # PIL images, as its data sets give
    data = Pictures(color, drawing_views())
    clock.start()
    for steps, batch in enumerate(_without_end(data, chosen.workers), 1):
        (first, second), _ = batch
        with cast:
            z0, z1 = model(first.to(device)), model(second.to(device))
        loss = criterion(z0.float(), z1.float())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        clock.tick(encoder, steps)


def _without_end(data: Pictures, workers: int) -> Iterator[Any]:
    while True:
        yield from DataLoader(data, batch_size=IMAGES, shuffle=True, drop_last=True, num_workers=workers)


def one_side(side: Callable[[Clock], None], clock: Clock) -> Clock:
    """Run a side until it reaches the goal or the limit."""
    with suppress(ReachedError):
        side(clock)
    return clock


def main() -> None:
    """Run the five sides in turn, print a line for each, then JSON."""
    parser = options(__doc__, repeats=1)
    parser.add_argument("--goal", type=float, default=90.0, help="accuracy in percent [90]")
    parser.add_argument("--limit", type=float, default=600.0, help="training seconds of a side [600]")
    parser.add_argument("--every", type=float, default=2.0, help="training seconds between measurements [2]")
    parser.add_argument("--sides", default="", help="only sides with this in their name, such as proto [all]")
    parser.add_argument("--workers", type=int, default=0, help="of lightly's loader [0]")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="fp32")
    chosen = parser.parse_args()
    missing("learn2learn", "lightly")
    device = start(chosen)
    if chosen.quick:
        chosen.goal, chosen.limit, chosen.every = 30.0, 2.0, 0.2
    source = load("omniglot:train", size=28, channels=1, announce=False)
    judges = load("omniglot:val", size=28, channels=1, announce=False)
    table = sample_table(judges, TaskShape(5, 1, 15), 500, 0)
    sides: dict[str, Callable[[Clock], None]] = {
        "metaclr protonet": lambda clock: ours("protonet", source, chosen, clock, device),
        "metaclr protonet, T = 4": lambda clock: ours("protonet", source, chosen, clock, device, 4.0),
        "learn2learn ProtoNet": lambda clock: learn2learn(source, chosen, clock, device),
        "metaclr simclr": lambda clock: ours("simclr", source, chosen, clock, device),
        "lightly SimCLR": lambda clock: lightly(source, chosen, clock, device),
    }
    sides = {name: side for name, side in sides.items() if chosen.sides.lower() in name.lower()}
    found: dict[str, list[Clock]] = {name: [] for name in sides}
    print(f"{'side':24s} {f'seconds to {chosen.goal:g} %':>18s} {'steps':>8s} {'steps/s':>9s} {'accuracy':>9s}")
    for _ in range(chosen.repeats):
        for name, side in sides.items():
            clock = Clock(lambda net: accuracy(net, judges, table), chosen.goal, chosen.limit, chosen.every)
            done = one_side(side, clock)
            found[name].append(done)
            seconds, steps, reached = done.curve[-1]
            text = f"{seconds:.1f}" if done.found is not None else f"over {seconds:.0f}"
            print(f"{name:24s} {text:>18s} {steps:8d} {steps / seconds:9.2f} {reached:9.1f}", flush=True)
    curves = {name: [clock.curve for clock in clocks] for name, clocks in found.items()}
    finish(
        "time_to_accuracy", [], chosen, device, "learn2learn", "lightly", "torchvision", goal=chosen.goal, curves=curves
    )


if __name__ == "__main__":
    run(main)
