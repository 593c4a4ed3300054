"""ResNet-18 SimCLR on CIFAR-10 through the engine: views a second, share of the ceiling, time of 200 epochs, accuracy.

    METACLR_DATA=... python benchmarks/gpu_cifar10.py [--epochs 200] [--json FILE]
    METACLR_DATA=... python benchmarks/gpu_cifar10.py --device cpu --quick        # a try where there is no GPU

Three parts, each on the same images, batch, precision and compiled networks. First, training and its ceiling (the same
network and optimizer on ready random tensors) take turns, both launched operation by operation and as a CUDA graph
(train.cuda_graph), and training with views that are not compiled; each turn of training has its own start in it, that
of a graph its three plain steps and its recording. Second, the augmentation alone, compiled and not: what it would take
of a step if it ran for itself; in training it is prepared on a stream beside. Third, one training of `--epochs` from
the start, with a graph where that was the faster one, timed with everything in it but the loading of the data
(compiling included), and what the encoder is worth afterwards: weighted kNN and a linear probe on the test part, from
features of the training part without augmentation. On a CPU there are no graphs, and nothing is compiled by default.

Recipe: SGD with momentum 0.9, lr 0.06 for 128 images and in proportion to the batch, weight decay 5e-4, cosine: those
of lightly's CIFAR-10 benchmark. Projector 512-512-128; views and temperature are metaclr's `simclr`.
"""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from dataclasses import replace

import torch
from common import Row, finish, heading, options, run, show, start

from episodes import EpisodeSampler, ImageSet, Rendering, TaskShape
from metaclr.console import progress, span
from metaclr.data import load
from metaclr.engine import Trained, train
from metaclr.engine.compiling import compile_views
from metaclr.engine.cuda_graph.sync_detector import detect_syncs
from metaclr.engine.precision import compute_dtype
from metaclr.evaluation import features, knn, linear
from metaclr.measure.timing import Side, Spread, interleaved, rate, ratio, spread, steps_for
from metaclr.measure.training import TimedRun, ceiling_run, engine_run
from metaclr.measure.workload import Workload

GRAPH = "training, CUDA graph"


def speeds(work: Workload, images: ImageSet, seconds: float, repeats: int) -> dict[str, list[float]]:
    """Rates of training, ceiling and augmentation alone, in turns."""
    runs: dict[str, TimedRun] = {"training": engine_run(work, images), "ceiling": ceiling_run(work)}
    if work.device.type == "cuda":
        graph = replace(work, cuda_graph="on")
        runs |= {GRAPH: engine_run(graph, images), "ceiling, CUDA graph": ceiling_run(graph)}
    if work.compiles:
        runs["training, eager views"] = engine_run(work, images, eager_views=True)
    runs |= augmentations(work, images)
    steps = {name: steps_for(run, seconds, work.device, least=2) for name, run in runs.items()}

    def turn(name: str) -> Side:
        return lambda: rate(lambda: runs[name](steps[name]), work.device)

    return interleaved({name: turn(name) for name in runs}, repeats)


def augmentations(work: Workload, images: ImageSet) -> dict[str, TimedRun]:
    """The views alone, as training draws them, and where they are compiled there, without that too."""
    resident = images.to(work.device)
    sampler = EpisodeSampler(resident, TaskShape(work.batch_views // 2, 1, 1), seed=1)
    drawn = [sampler(step).to(work.device) for step in range(50)]

    def run(rendering: Rendering) -> TimedRun:
        def views(steps: int) -> int:
            for step in range(steps):
                rendering(drawn[step % len(drawn)])
            return steps * work.batch_views

        return views

    trained, eager = (Rendering(resident, work.recipe, seed=1) for _ in range(2))
    if not work.compiles:
        return {"augmentation": run(eager)}
    compile_views(trained, lambda: trained(drawn[0]))
    return {"augmentation": run(trained), "augmentation, eager": run(eager)}


def host_waits(work: Workload, images: ImageSet, steps: int = 40) -> float | None:
    """How often the host waits for the GPU in a step, on average, by CUDA's own account; None without a GPU.

    The engine means to wait where a training starts and where a row of its curve is written (every 20 steps here) only.
    """
    if work.device.type != "cuda":
        return None
    engine = engine_run(work, images)
    engine(2)  # compiling and cuDNN's search may wait
    with detect_syncs(work.device) as found:
        engine(steps)
    return len(found) / steps


def whole_training(work: Workload, images: ImageSet, epochs: float) -> tuple[torch.nn.Module, Trained]:
    """One training of `epochs`; the encoder in eval mode."""
    pairs = work.batch_views // 2
    learner = work.learner(len(images))
    resident = images.to(work.device)
    sampler = EpisodeSampler(resident, TaskShape(pairs, 1, 1), seed=work.seed)
    settings = replace(
        work.settings(max(2, round(epochs * len(images) / pairs))),
        optimizer="sgd",
        lr=0.06 * pairs / 128,
        weight_decay=5e-4,
        compile=work.compile,
        log_every=50,
    )
    with progress(f"{work.encoder} on {work.device}") as bar:
        trained = train(
            learner,
            sampler,
            Rendering(resident, work.recipe, seed=work.seed),
            settings,
            progress=lambda step, total, loss, speed: bar(step, total, f"loss {loss:.3f}  {speed:,.0f} views/s"),
        )
    return learner.encoder.eval(), trained


def accuracies(encoder: torch.nn.Module, known: ImageSet, asked: ImageSet, device: torch.device) -> dict[str, float]:
    """Percent of the test part that kNN and a linear probe get right."""
    x, x_test = features(encoder, known, device), features(encoder, asked, device)
    y, y_test = known.required_labels().to(device), asked.required_labels().to(device)
    near, probe = knn(x, y, x_test, y_test, target="cifar10")[0], linear(x, y, x_test, y_test, target="cifar10")[0]
    return {"knn": near.value, "knn_half_width": near.ci95, "linear": probe.value, "linear_half_width": probe.ci95}


def part(name: str, most: int | None) -> ImageSet:
    """A part of CIFAR-10, or its first images only."""
    images = load(f"cifar10:{name}")
    return images if most is None else images.select(torch.arange(min(most, len(images))))


def rows_of(task: str, rates: dict[str, list[float]]) -> list[Row]:
    """Rates, the share of the ceiling, and augmentation's part of a step, in percent."""

    def percent(values: Spread) -> Spread:
        return Spread(100 * values.median, 100 * values.low, 100 * values.high, values.n)

    rows = [Row(task, name, spread(values), "views/s", more={"rates": values}) for name, values in rates.items()]
    for what, ours, theirs in (
        ("share of the ceiling", "training", "ceiling"),
        ("share of it, CUDA graph", GRAPH, "ceiling, CUDA graph"),
        ("augmentation of a step", "training", "augmentation"),
        ("augmentation of it, CUDA graph", GRAPH, "augmentation"),
        ("augmentation of it, eager views", "training", "augmentation, eager"),
    ):
        if ours in rates and theirs in rates:
            rows.append(Row(task, what, percent(ratio(rates[ours], rates[theirs])), "%"))
    return rows


def main() -> None:
    """Measure, train, evaluate, print, then JSON."""
    parser = options(__doc__)
    parser.add_argument("--epochs", type=float, help="of the whole training [200 on a GPU, 0.01 on a CPU]")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--batch-views", type=int, help="views of a step [1024 on a GPU, 64 on a CPU]")
    parser.add_argument("--images", type=int, help="use only so many images of either part [all; 1000 on a CPU]")
    parser.add_argument("--compile", choices=["auto", "on", "off"], default="auto")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a turn [5]")
    chosen = parser.parse_args()
    device = start(chosen)
    gpu = device.type == "cuda"
    print("on " + (torch.cuda.get_device_name(device) if gpu else "the CPU: a try of the script, no figure for a GPU"))
    work = workload(chosen, device)
    most = chosen.images or (None if gpu and not chosen.quick else 1000)
    known, asked = part("train", most), part("test", most)
    repeats, seconds = (1, 0.5) if chosen.quick else (chosen.repeats, chosen.seconds)
    heading()
    rates = speeds(work, known, seconds, repeats)
    rows = rows_of(f"{work.encoder} cifar10, {work.batch_views} views", rates)
    show(rows)
    waited = {graph: host_waits(replace(work, cuda_graph=graph), known) for graph in ("off", "on")}
    if gpu:
        print(f"host waits for the GPU: {waited['off']:.2f} times a step, with a CUDA graph {waited['on']:.2f}")
    faster = GRAPH in rates and statistics.median(rates[GRAPH]) > statistics.median(rates["training"])
    work = replace(work, cuda_graph="on" if faster else "off")

    epochs = chosen.epochs or (0.01 if chosen.quick or not gpu else 200)
    began = time.monotonic()
    encoder, trained = whole_training(work, known, epochs)
    took = time.monotonic() - began
    found = accuracies(encoder, known, asked, device)
    last = [row["loss"] for row in trained.curve[-5:]]
    whole = {
        "epochs": epochs,
        "steps": trained.step,
        "views": trained.views,
        "seconds": took,
        "views_per_second": trained.views / took,
        "loss": statistics.fmean(last),
        "computed_in": str(compute_dtype(work.precision, device)).removeprefix("torch."),
        "train_images": len(known),
        "cuda_graph": work.cuda_graph,
        **found,
    }
    print(
        f"{epochs:g} epochs, {trained.step:,} steps: {span(took)}, {trained.views / took:,.0f} views/s, "
        f"loss {whole['loss']:.3f}, {whole['computed_in']}, "
        f"CUDA graph {work.cuda_graph}; kNN {found['knn']:.2f} %, linear {found['linear']:.2f} %"
    )
    finish("gpu_cifar10", rows, chosen, device, "torchvision", training=whole, on=str(device), host_waits=waited)


def workload(chosen: Namespace, device: torch.device) -> Workload:
    """What is measured and trained."""
    batch = chosen.batch_views or (1024 if device.type == "cuda" else 64)
    return Workload(
        chosen.encoder,
        batch_views=batch,
        device=device,
        compile=chosen.compile,
        optimizer="sgd",
        projector_hidden=512,
    )


if __name__ == "__main__":
    run(main)
