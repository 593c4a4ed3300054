"""From images to few-shot accuracy: 10,000 episodes with one encoder, metaclr against learn2learn and easyfsl.

    python benchmarks/few_shot.py [--encoder conv4] [--data glyphs:held-out] [--threads 2] [--quick] [--json FILE]

5-way 5-shot, prototypes by squared Euclidean distance, the same Conv-4 (seeded random weights: no part's speed depends
on them) in eval mode. metaclr draws 10,000 episodes, runs the encoder once over all images, and judges every episode
from the cached features. The others run the encoder over the images of each episode, as their own examples do
(peers_few_shot.py; without gradients, on float pixels in memory); they are timed on a few hundred episodes, and
`10,000 episodes` of theirs is scaled from that. Accuracies are printed with the 95 % interval of the difference: the
episodes are drawn by each library for itself, so they agree within it and not exactly.

Second table: 10,000 episodes from features that are there already. Third: the logistic head, all episodes at once,
against scikit-learn's LogisticRegression for each of the same episodes, on the same features.
"""

from __future__ import annotations

import statistics
import warnings
from math import sqrt

import torch
import torch.nn.functional as F
from common import Row, against, finish, heading, missing, options, show, start
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


def scikit_learn(rows: Tensor, table: EpisodeTable) -> list[float]:
    """Accuracy of each episode by scikit-learn's LogisticRegression (C = 1) on unit-norm rows (M, F)."""
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
            fitted = LogisticRegression(C=1.0, max_iter=1000).fit(unit[support.flatten()].numpy(), known)
            found.append(float((fitted.predict(unit[queries.flatten()].numpy()) == asked).mean()))
    return found


def logistic(bench: Benchmark, rows: Tensor, repeats: int) -> tuple[list[Row], dict[str, float]]:
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
    said = {
        "metaclr": 100 * float(mine.mean()),
        "scikit-learn": 100 * float(theirs.mean()),
        "episodes": float(len(few)),
        "equal_episodes": float((mine - theirs).abs().lt(1e-6).sum()),
    }
    task = "logistic head, cached features"
    return against(task, "episodes/s", rates, notes={"scikit-learn": "timed on fewer episodes"}), said


def main() -> None:
    """Measure, print the tables, then JSON."""
    parser = options(__doc__)
    parser.add_argument("--encoder", default="conv4")
    parser.add_argument("--data", default="glyphs:held-out", help="NAME[:PART] with labels [glyphs:held-out]")
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--query", type=int, help="queries of each way [15, or what the smallest class has left]")
    chosen = parser.parse_args()
    missing("learn2learn", "easyfsl")
    device = start(chosen)
    repeats = 2 if chosen.quick else chosen.repeats
    images = load(chosen.data, size=chosen.size)
    query = chosen.query or min(15, int(images.class_counts().min()) - 5)
    shape = TaskShape(5, 5, query)
    encoder = build_encoder(chosen.encoder, images.channels, chosen.size, seed=0).to(device)
    bench = Benchmark(images, encoder.eval(), shape, device, chosen.quick)
    print(f"{chosen.data}: {len(images)} images, {images.classes} classes; 5-way 5-shot {query}-query")
    heading()

    rates = interleaved(bench.whole(), repeats)
    scaled = f"timed on {bench.theirs} a turn, scaled"
    notes = {
        name: f"{EPISODES:,} in {EPISODES / statistics.median(values):,.1f} s" + (f" ({scaled})" if i else "")
        for i, (name, values) in enumerate(rates.items())
    }
    show(rows := against("images to accuracy", "episodes/s", rates, notes=notes))

    cached = features(encoder, bench.resident, device)
    table = sample_table(images, shape, bench.count, seed=0)
    for head in ("euclidean", "cosine"):
        turn = interleaved({"metaclr": lambda head=head: rate(lambda: _judge(cached, table, head), device)}, repeats)
        seconds = EPISODES / statistics.median(turn["metaclr"])
        note = f"{EPISODES:,} in {seconds:.2f} s"
        show(made := against(f"{head} head, cached features", "episodes/s", turn, notes={"metaclr": note}))
        rows += made
    made, same = logistic(bench, cached, repeats)
    show(made)

    print("\naccuracy in percent, and the 95 % half-width of what may differ by the draw of episodes:")
    for library, said in (agreement := bench.agreement()).items():
        print(
            f"  {library:22s} {said['accuracy']:6.2f} +- {said['half_width']:.2f}  ({said['episodes']:,.0f} episodes)"
        )
    print("logistic head on the same episodes: " + ", ".join(f"{name} {value:g}" for name, value in same.items()))
    more = {"accuracy": agreement, "logistic_accuracy": same, "shape": f"5-way 5-shot {query}-query"}
    finish("few_shot", [*rows, *made], chosen, device, "learn2learn", "easyfsl", "scikit-learn", **more)


def _judge(rows: Tensor, table: EpisodeTable, head: str) -> int:
    return len(episode_accuracies(rows, table, head=head))


if __name__ == "__main__":
    main()
