"""SimCLR training views a second, end to end: metaclr against lightly and against the encoder-only ceiling.

    python benchmarks/training.py [--encoders conv4,resnet18] [--threads 2] [--repeats 5] [--quick] [--json FILE]

The same encoder and head (these very modules, from the same weights), images, augmentation (random resized crop, flip,
color jitter, grey), batch, temperature, optimizer (Adam) and precision on all sides; the sides take turns in one
process. lightly is its loader, transform and NTXentLoss as its documentation shows them, on PIL images made from arrays
in memory; its loader runs with 0 and with 2 workers, started anew for each turn and timed once its queue is full, and
the better of the two is what counts. `lightly + textbook` is lightly around Conv-4 as everyone writes it, same weights:
metaclr's Conv-4 is the same function in a cheaper order, a gain that lightly shares where it is handed our module. The
ceiling is the same network and optimizer on ready random tensors.
`glyphs` is our own case without a counterpart in lightly: Conv-4 on glyphs with their pose and stroke views.

Losses are published: of the first steps of either side from the same weights, and of both criteria on one batch of
embeddings. Every side runs in bf16 autocast where this machine is fast at it (--precision fp32 for float32).
"""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from dataclasses import replace

import torch
from common import Row, against, finish, heading, missing, options, run, show, start
from peer_lightly import Training, textbook_conv4
from torch import Tensor

from episodes import EpisodeSampler, ImageSet, Rendering, TaskShape
from metaclr import methods
from metaclr.data import load
from metaclr.engine import train
from metaclr.engine.precision import autocast, compute_dtype
from metaclr.measure.timing import Side, interleaved, rate, ratio, steps_for, wait
from metaclr.measure.training import ceiling_run, engine_run
from metaclr.measure.workload import Workload

WORKERS = (0, 2)
TEXTBOOK = "lightly + textbook"
BATCH_VIEWS = {"conv4": 256, "resnet18": 128}
SETTINGS = Workload().settings(1)
TEMPERATURE = float(methods.get("simclr").defaults["temperature"])


def lightly(work: Workload, images: ImageSet, workers: int, *, textbook: bool = False) -> Training:
    """lightly's training from the weights that ours starts with."""
    learner = work.learner(len(images))
    return Training(
        textbook_conv4(learner.encoder) if textbook else learner.encoder,
        learner.projector,
        images.images,
        batch=work.batch_views // 2,
        workers=workers,
        temperature=TEMPERATURE,
        lr=SETTINGS.lr,
        device=work.device,
        autocast=autocast(work.device, compute_dtype(work.precision, work.device)),
    )


def lightly_side(training: Training, work: Workload, seconds: float) -> Side:
    """One turn: start the loader, let its queue fill, train for about `seconds`."""
    steps = 0

    def turn() -> float:
        nonlocal steps
        batches = training.batches()
        training.steps(batches, 2)
        if not steps:  # the first turn does not count: it finds out how many steps a turn has
            began = time.perf_counter()
            training.steps(batches, 2)
            steps = max(2, round(2 * seconds / (time.perf_counter() - began)))
        found = rate(lambda: len(training.steps(batches, steps)) * work.batch_views, work.device)
        batches.close()
        return found

    return turn


def compare(work: Workload, images: ImageSet, seconds: float, repeats: int) -> dict[str, list[float]]:
    """Rates of metaclr, the ceiling, and lightly if these views have a counterpart in it."""
    engine, ceiling = engine_run(work, images), ceiling_run(work)
    steps = steps_for(engine, seconds, work.device, least=2)
    sides: dict[str, Side] = {
        "metaclr": lambda: rate(lambda: engine(steps), work.device),
        "ceiling": lambda: rate(lambda: ceiling(steps), work.device),
    }
    if work.views == "simclr":
        trainings = {f"lightly, {n} workers": lightly(work, images, n) for n in WORKERS}
        if work.encoder == "conv4":
            trainings |= {f"{TEXTBOOK}, {n} workers": lightly(work, images, n, textbook=True) for n in WORKERS}
        sides |= {name: lightly_side(training, work, seconds) for name, training in trainings.items()}
    return interleaved(sides, repeats)


def losses(work: Workload, images: ImageSet, steps: int) -> dict[str, list[float]]:
    """Loss of each of the first steps from the same weights, at the same constant learning rate."""
    learner = work.learner(len(images))
    sampler = EpisodeSampler(images, TaskShape(work.batch_views // 2, 1, 1))
    settings = replace(work.settings(steps), schedule="constant", warmup=0, log_every=1)
    resident = images.to(work.device)
    trained = train(learner, sampler, Rendering(resident, work.recipe, seed=0), settings)
    training = lightly(work, images, 0)
    return {
        "metaclr": [row["loss"] for row in trained.curve],
        "lightly": training.steps(training.batches(), steps),
    }


def criteria(device: torch.device) -> dict[str, float]:
    """Both losses of the same embeddings (256 x 2 x 128), in float32."""
    from lightly.loss import NTXentLoss

    z = torch.randn(1, 256, 2, 128, generator=torch.Generator().manual_seed(0)).to(device)
    objective = methods.get("simclr").objective.build(128, dataset_size=256, classes=0).to(device)
    ours: Tensor = objective(z)
    return {"metaclr": float(ours), "lightly": float(NTXentLoss(temperature=TEMPERATURE)(z[0, :, 0], z[0, :, 1]))}


def best(rates: dict[str, list[float]]) -> dict[str, float]:
    """lightly at its better number of workers, with our encoder and with the textbook's: metaclr's speed over it."""
    found = {}
    for kind in ("lightly,", f"{TEXTBOOK},"):
        names = [name for name in rates if name.startswith(kind)]
        if names:
            name = max(names, key=lambda n: statistics.median(rates[n]))
            found[name] = ratio(rates["metaclr"], rates[name]).median
    return found


def workloads(chosen: Namespace, device: torch.device) -> dict[str, tuple[Workload, ImageSet]]:
    """What is trained, by name."""
    color = load(chosen.data, size=32, channels=3)
    found = {}
    for encoder in chosen.encoders.split(","):
        batch = chosen.batch_views or BATCH_VIEWS.get(encoder, 128)
        work = Workload(encoder, batch_views=batch, device=device, precision=chosen.precision)
        found[f"{encoder} 3x32x32, {batch} views"] = work, color
    if "conv4" in chosen.encoders.split(","):
        work = Workload("conv4", 28, 1, 256, "gentle", device, chosen.precision)
        found["conv4 glyphs 1x28x28, 256 views"] = work, load("glyphs:source", size=28)
    return found


def main() -> None:
    """Measure every encoder, print the table, then JSON."""
    parser = options(__doc__)
    parser.add_argument("--encoders", default="conv4,resnet18")
    parser.add_argument("--data", default="glyphs:source", help="NAME[:PART], taken as 3 x 32 x 32 [glyphs:source]")
    parser.add_argument("--batch-views", type=int, help="views of a step [conv4 256, resnet18 128]")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a turn [1.5]")
    chosen = parser.parse_args()
    missing("lightly")
    device = start(chosen)
    repeats, seconds = (1, 0.5) if chosen.quick else (chosen.repeats, chosen.seconds)
    rows: list[Row] = []
    bests: dict[str, dict[str, float]] = {}
    published: dict[str, object] = {"criteria on the same embeddings": criteria(device)}
    heading()
    for name, (work, images) in workloads(chosen, device).items():
        rates = compare(work, images, seconds, repeats)
        made = against(name, "views/s", rates)
        show(made)
        rows += made
        share = statistics.median(a / b for a, b in zip(rates["metaclr"], rates["ceiling"], strict=True))
        print(f"{'':36s} share of the ceiling: {100 * share:.1f} %")
        if work.views == "simclr":
            bests[name] = best(rates)
            text = "; ".join(f"{times:.2f} times {library}" for library, times in bests[name].items())
            print(f"{'':36s} against lightly's better number of workers: {text}")
            published[name] = found = losses(work, images, 2 if chosen.quick else 10 if work.encoder == "conv4" else 4)
            print(f"{'':36s} losses: " + "; ".join(f"{n} {v[0]:.3f} -> {v[-1]:.3f}" for n, v in found.items()))
    wait(device)
    computed = str(compute_dtype(chosen.precision, device)).removeprefix("torch.")
    print(f"all sides in {computed}; criteria on the same embeddings: {published['criteria on the same embeddings']}")
    finish(
        "training",
        rows,
        chosen,
        device,
        "lightly",
        "torchvision",
        losses=published,
        over_best=bests,
        computed_in=computed,
    )


if __name__ == "__main__":
    run(main)
