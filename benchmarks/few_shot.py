"""From images to few-shot accuracy: 10,000 episodes with one encoder, metaclr against learn2learn and easyfsl.

    python benchmarks/few_shot.py [--data glyphs:held-out,digits] [--threads 2] [--repeats 5] [--quick] [--json FILE]

5-way 5-shot, prototypes by squared Euclidean distance, the same Conv-4 (seeded random weights: no part's speed depends
on them) in eval mode. metaclr draws 10,000 episodes, runs the encoder once over all images, and classifies every
episode from the cached features. The others run the encoder over the images of each episode, as their own examples do
(peers_few_shot.py; without gradients, on float pixels in memory); they are timed on a few hundred episodes, and
`10,000 episodes` of theirs is scaled from that. So the ratio is about (episodes x images of an episode) / (images of
the set), and differs from set to set: two are measured. Accuracies are printed with the 95 % half-width of the
difference: each library draws episodes of its own, so they agree within it and not exactly.

Then 10,000 episodes from features that are there already, and the logistic head, all episodes at once, against
scikit-learn's LogisticRegression for each of the same episodes on the same features.
"""

from __future__ import annotations

import statistics
import warnings
from argparse import Namespace
from math import sqrt
from typing import Any

import torch
import torch.nn.functional as F
from common import Row, against, finish, heading, missing, options, run, show, start
from peers_few_shot import Pairs, easyfsl_accuracy, learn2learn_accuracies
from torch import Tensor, nn

from episodes import EpisodeTable, ImageSet, TaskShape, sample_table, to_float
from metaclr.data import load
from metaclr.evaluation import episode_accuracies, features
from metaclr.measure.timing import Side, interleaved, rate
from metaclr.networks import build_encoder

EPISODES = 10_000


class Benchmark:
    """The images, the encoder, and what each side said of them, turn by turn."""

    def __init__(self, images: ImageSet, encoder: nn.Module, shape: TaskShape, device: torch.device, quick: bool):
        self.images, self.encoder, self.shape, self.device = images, encoder, shape, device
        self.pairs = Pairs(to_float(images.images), images.required_labels())
        self.resident = images.to(device)
        self.count, self.theirs = (1000, 20) if quick else (EPISODES, 200)
        self.accuracies: dict[str, list[float]] = {}
        self.seeds = iter(range(1 << 62))

    def whole(self) -> dict[str, Side]:
        """From images to accuracy."""
        return {
            "metaclr": lambda: rate(self._ours, self.device),
            "learn2learn": lambda: rate(self._learn2learn, self.device),
            "easyfsl, 0 workers": lambda: rate(lambda: self._easyfsl(0), self.device),
            "easyfsl, 2 workers": lambda: rate(lambda: self._easyfsl(2), self.device),
        }

    def _ours(self) -> int:
        table = sample_table(self.images, self.shape, self.count, seed=next(self.seeds))
        found = features(self.encoder, self.resident, self.device)
        self._keep("metaclr", episode_accuracies(found, table, head="euclidean").tolist())
        return self.count

    def _learn2learn(self) -> int:
        found = learn2learn_accuracies(self.encoder, self.pairs, self.shape, self.theirs, self.device)
        self._keep("learn2learn", found)
        return self.theirs

    def _easyfsl(self, workers: int) -> int:
        mean = easyfsl_accuracy(self.encoder, self.pairs, self.shape, self.theirs, self.device, workers)
        self._keep(f"easyfsl, {workers} workers", [mean] * self.theirs)  # it tells no more than the mean
        return self.theirs

    def _keep(self, library: str, found: list[float]) -> None:
        self.accuracies.setdefault(library, []).extend(found)

    def agreement(self) -> dict[str, dict[str, float]]:
        """Mean accuracy of each library in percent, and the 95 % half-width of its difference from ours.

        The spread over episodes is ours: every library draws the same kind of episodes.
        """
        ours = self.accuracies["metaclr"]
        deviation = statistics.stdev(ours)
        found = {}
        for library, values in self.accuracies.items():
            half = 1.96 * deviation * sqrt(1 / len(values) + (0 if values is ours else 1 / len(ours)))
            found[library] = {
                "accuracy": 100 * statistics.fmean(values),
                "half_width": 100 * half,
                "episodes": float(len(values)),
            }
        return found


def scikit_learn(rows: Tensor, table: EpisodeTable, tol: float = 1e-4) -> list[float]:
    """Accuracy of each episode by scikit-learn's LogisticRegression (C = 1) on unit-norm rows (M, F).

    tol: 1e-4 is scikit-learn's default, and what is timed.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    unit = F.normalize(rows, dim=1).cpu()
    way, shot, query = table.shape.way, table.shape.shot, table.shape.query
    known = torch.arange(way).repeat_interleave(shot).numpy()
    asked = torch.arange(way).repeat_interleave(query).numpy()
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # a fit that stopped early would be no comparison
        for support, queries in zip(table.support, table.query, strict=True):
            fitted = LogisticRegression(C=1.0, tol=tol, max_iter=1000).fit(unit[support.flatten()].numpy(), known)
            found.append(float((fitted.predict(unit[queries.flatten()].numpy()) == asked).mean()))
    return found


def logistic(bench: Benchmark, rows: Tensor, task: str, repeats: int) -> tuple[list[Row], dict[str, float]]:
    """The logistic head against scikit-learn's: rates, and the two accuracies on the same episodes."""
    many = sample_table(bench.images, bench.shape, bench.count // 5, seed=1)
    few = EpisodeTable(many.support[: bench.theirs], many.query[: bench.theirs], many.fingerprint, many.seed)

    def ours() -> int:
        return len(episode_accuracies(rows, many, head="logistic"))

    rates = interleaved(
        {
            "metaclr": lambda: rate(ours, bench.device),
            "scikit-learn": lambda: rate(lambda: len(scikit_learn(rows, few)), bench.device),
        },
        repeats,
    )
    mine, theirs = episode_accuracies(rows, few, head="logistic"), torch.tensor(scikit_learn(rows, few))
    # As timed, either stops at its own tolerance; in float64 and run to the end both must find the same minimum.
    exact = episode_accuracies(rows.double(), few, head="logistic")
    equal = (exact - torch.tensor(scikit_learn(rows.double(), few, tol=1e-6))).abs() < 1e-6
    said = {
        "metaclr": 100 * float(mine.mean()),
        "scikit-learn": 100 * float(theirs.mean()),
        "episodes": float(len(few)),
        "equal_in_float64": float(equal.sum()),
    }
    return against(task, "episodes/s", rates, notes={"scikit-learn": "timed on fewer episodes"}), said


def measure(name: str, chosen: Namespace, device: torch.device) -> tuple[list[Row], dict[str, Any]]:
    """Everything about one data set: rows of the table, and the accuracies."""
    repeats = 2 if chosen.quick else chosen.repeats
    images = load(name, size=chosen.size)
    query = chosen.query or min(15, int(images.class_counts().min()) - 5)
    encoder = build_encoder(chosen.encoder, images.channels, chosen.size, seed=0).to(device)
    bench = Benchmark(images, encoder.eval(), TaskShape(5, 5, query), device, chosen.quick)

    rates = interleaved(bench.whole(), repeats)
    scaled = f"timed on {bench.theirs} a turn, scaled"
    notes = {
        library: _note(values) + (f" ({scaled})" if library != "metaclr" else "")
        for library, values in rates.items()
        if library != "metaclr" or bench.count == EPISODES
    }
    show(rows := against(f"{name}, images to accuracy", "episodes/s", rates, notes=notes))

    cached = features(encoder, bench.resident, device)
    table = sample_table(images, bench.shape, bench.count, seed=0)
    for head in ("euclidean", "cosine"):
        turn = interleaved({"metaclr": lambda head=head: rate(lambda: _classify(cached, table, head), device)}, repeats)
        made = against(f"{name}, {head}, cached", "episodes/s", turn, notes={"metaclr": _note(turn["metaclr"])})
        show(made)
        rows += made
    made, same = logistic(bench, cached, f"{name}, logistic, cached", repeats)
    show(made)
    agreement = bench.agreement()
    for library, said in agreement.items():
        span = f"{said['accuracy']:6.2f} +- {said['half_width']:.2f} %"
        print(f"{'':36s} accuracy {library:25s} {span}  ({said['episodes']:,.0f} episodes)")
    print(f"{'':36s} logistic, same episodes: " + ", ".join(f"{key} {value:g}" for key, value in same.items()))
    shape = f"{len(images)} images of {images.classes} classes, 5-way 5-shot {query}-query"
    return rows + made, {"set": shape, "accuracy": agreement, "logistic_accuracy": same}


def main() -> None:
    """Measure, print the tables, then JSON."""
    parser = options(__doc__)
    parser.add_argument("--encoder", default="conv4")
    parser.add_argument("--data", default="glyphs:held-out,digits", help="NAME[:PART],... with labels")
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--query", type=int, help="queries of each way [15, or what the smallest class has left]")
    chosen = parser.parse_args()
    missing("learn2learn", "easyfsl")
    device = start(chosen)
    rows: list[Row] = []
    sets: dict[str, Any] = {}
    heading()
    for name in chosen.data.split(","):
        made, sets[name] = measure(name, chosen, device)
        rows += made
    finish("few_shot", rows, chosen, device, "learn2learn", "easyfsl", "scikit-learn", sets=sets)


def _note(rates: list[float]) -> str:
    """How long 10,000 episodes take at the median rate."""
    return f"{EPISODES:,} in {EPISODES / statistics.median(rates):,.2f} s"


def _classify(rows: Tensor, table: EpisodeTable, head: str) -> int:
    return len(episode_accuracies(rows, table, head=head))


if __name__ == "__main__":
    run(main)
