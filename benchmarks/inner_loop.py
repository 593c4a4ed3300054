"""MAML's inner loop: adapted episodes a second at test time, and tasks a second in training, against learn2learn.

    python benchmarks/inner_loop.py [--threads 2] [--repeats 5] [--quick] [--json FILE]

Conv-4 with 64 filters on images of 28 pixels, one inner step. Test time: 5-way 1-shot and 20-way 5-shot episodes of 15
queries, adaptation and predictions. learn2learn runs its loop as its examples do, with its own CNN4 (bias in the
convolutions, ReLU before pooling), and with this package's encoder, which computes the same function in a faster order.
metaclr's queries are in float32, and in bf16 where the CPU multiplies it fast, as `compare` has them. Training: 12
tasks of 5 ways, 1 shot and 3 queries, second order, forward and backward. Images are noise: no accuracy is measured.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from common import Row, against, finish, heading, missing, options, run, show, start
from torch import Tensor, nn

from episodes import Episode, ImageSet, TaskShape, sample_table, to_float
from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.engine.settings import Precision
from metaclr.measure.timing import Side, for_seconds, interleaved
from metaclr.meta.inner_loop import InnerLoop
from metaclr.meta.settings import Backend, InnerSettings
from metaclr.networks import build_encoder

LR = 0.4
SHAPES = {"5-way 1-shot": TaskShape(5, 1, 15), "20-way 5-shot": TaskShape(20, 5, 15)}


def noise(classes: int = 40, each: int = 20) -> ImageSet:
    """Random images of the size of Omniglot's."""
    made = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (classes * each, 1, 28, 28), generator=made).to(torch.uint8)
    return ImageSet(pixels, torch.arange(classes).repeat_interleave(each), name="noise")


def adapting(shape: TaskShape, images: ImageSet, seconds: float, device: torch.device) -> dict[str, Side]:
    """Episodes of one shape, 16 in a call."""
    from learn2learn.vision.models import CNN4

    table = sample_table(images, shape, 16, seed=0)
    encoder = build_encoder("conv4", 1, 28, seed=0).to(device)
    head = nn.Linear(64, shape.way, device=device)

    def ours(precision: Precision) -> int:
        procedure = AdaptedEncoder(encoder, head, LR, 1, precision=precision)
        return sum(len(part) for part in procedure.episode_logits(torch.empty(0), images, table))

    def theirs(model: nn.Module) -> int:
        from learn2learn.algorithms import MAML

        maml, target = MAML(model, lr=LR), torch.arange(shape.way, device=device).repeat_interleave(shape.shot)
        for support, query in zip(table.support, table.query, strict=True):
            adapted = maml.clone()
            adapted.adapt(F.cross_entropy(adapted(pixels(support)), target))
            adapted(pixels(query)).argmax(1)
        return len(table)

    def pixels(index: Tensor) -> Tensor:
        return to_float(images.images[index.flatten()].to(device))

    cnn4 = CNN4(shape.way, hidden_size=64, layers=4, channels=1, max_pool=True, embedding_size=64).to(device)
    same = nn.Sequential(encoder, head).train()
    return {
        "metaclr": for_seconds(lambda: ours("auto"), seconds, device),
        "metaclr, float32": for_seconds(lambda: ours("fp32"), seconds, device),
        "learn2learn, its CNN4": for_seconds(lambda: theirs(cnn4), seconds, device),
        "learn2learn, metaclr's Conv-4": for_seconds(lambda: theirs(same), seconds, device),
    }


def training(seconds: float, device: torch.device) -> dict[str, Side]:
    """Forward and backward of a batch of 12 tasks."""
    made = torch.Generator().manual_seed(0)
    pixels = torch.rand(12, 5, 4, 1, 28, 28, generator=made).to(device)
    index = torch.zeros(12, 5, 4, dtype=torch.int64)
    episode = Episode(index, index, index[..., 0], 1)

    def side(backend: Backend) -> Side:
        encoder = build_encoder("conv4", 1, 28, seed=0)
        learner = InnerLoop(encoder, 5, InnerSettings(inner_lr=LR, backend=backend)).to(device).train()

        def step() -> int:
            learner.zero_grad()
            loss: Tensor = learner(pixels, episode)[0]
            loss.backward()  # type: ignore[no-untyped-call]
            return len(pixels)

        return for_seconds(step, seconds, device)

    return {"metaclr": side("batched"), "learn2learn, metaclr's Conv-4": side("learn2learn")}


def main() -> None:
    """Measure both, print the table, then JSON."""
    chosen = options(__doc__).parse_args()
    missing("learn2learn")
    device = start(chosen)
    repeats, seconds = (2, 0.1) if chosen.quick else (chosen.repeats, 3.0)
    rows: list[Row] = []
    heading()
    for name, shape in SHAPES.items():
        rates = interleaved(adapting(shape, noise(), seconds, device), repeats)
        show(made := against(f"adapted, {name}", "episodes/s", rates))
        rows += made
    show(made := against("trained, 5-way 1-shot, float32", "tasks/s", interleaved(training(seconds, device), repeats)))
    finish("inner_loop", [*rows, *made], chosen, device, "learn2learn")


if __name__ == "__main__":
    run(main)
