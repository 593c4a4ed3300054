"""A few labels end to end: probe, fine-tuning of 5 subsets and test accuracy, against the same by hand.

    python benchmarks/low_label.py [--data glyphs:held-out,digits] [--threads 2] [--repeats 3] [--quick] [--json FILE]

All sides start from the same images, label subsets and encoder (seeded random weights, batch norm statistics of the
data) and end with two accuracies: of the linear probe on frozen features, and after 30 Adam steps of 32 labelled images
that start from that probe. A rate is label subsets a second, both accuracies included.

- `metaclr`: one probe for both, as `metaclr compare` does it.
- `metaclr, unshared`: the two evaluators by themselves; each fits its own probes.
- `metaclr, stacked`: as `metaclr`, all subsets fine-tuned at once under vmap, which is taken on a GPU only
  (on a CPU it can be measured with `--precision fp32`).
- `by hand`: a DataLoader over the labelled images, deepcopy, torch's Adam with a cosine, batch norm in eval mode, the
  test part in batches of 256; the probe is scikit-learn's LogisticRegression on the same standardised features with the
  penalty that metaclr chose. By hand, choosing it costs nothing here.

That the work is the same is shown by the accuracies, with the 95 % half-width over subsets (Student t): the loader by
hand has an order of its own.
"""

from __future__ import annotations

import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from common import Row, against, finish, heading, missing, options, run, show, start
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from episodes import to_float
from metaclr.adaptation.stacked import can_stack
from metaclr.data import load
from metaclr.engine.precision import autocast, compute_dtype
from metaclr.evaluation import (
    FineTune,
    Measurement,
    Target,
    embed,
    low_label_finetune,
    low_label_frozen,
    low_label_probes,
    make_target,
)
from metaclr.evaluation.linear_probe import Probe
from metaclr.evaluation.measurement import from_subsets
from metaclr.measure.timing import Side, interleaved, rate
from metaclr.networks import build_encoder

Parts = tuple[Tensor, Tensor, Tensor, Tensor]

STACKED = "metaclr, stacked"
BY_HAND = "by hand"


class Benchmark:
    """One label group of one target, the encoder, and what each side measured: (frozen, fine-tuned) in percent."""

    def __init__(self, target: Target, labels: str, encoder: nn.Module, settings: FineTune, device: torch.device):
        self.target, self.labels, self.encoder = target, labels, encoder
        self.subsets, self.settings, self.device = dict(target.subsets)[labels], settings, device
        self.train, self.test = (target.images.select(index).to(device) for index in (target.train, target.test))
        self.measured: dict[str, tuple[Measurement, Measurement]] = {}
        self.penalties = [p.penalty for p in low_label_probes(*self._parts()[:2], self.subsets)]

    def sides(self) -> dict[str, Side]:
        """Every side, from images to two accuracies."""

        def turn(name: str, work: Callable[[], tuple[Measurement, Measurement]]) -> Side:
            def once() -> int:
                self.measured[name] = work()
                return len(self.subsets)

            return lambda: rate(once, self.device)

        work = {"metaclr": self.shared, "metaclr, unshared": self.unshared, BY_HAND: self.by_hand}
        if can_stack(self.encoder, self.settings, self.train.images.shape[1:]):
            work[STACKED] = self.stacked
        return {name: turn(name, once) for name, once in work.items()}

    def shared(self) -> tuple[Measurement, Measurement]:
        """As `metaclr compare`."""
        parts = self._parts()
        probes = low_label_probes(*parts[:2], self.subsets)
        return self._frozen(parts, probes), self._tuned(probes)

    def unshared(self) -> tuple[Measurement, Measurement]:
        """Two evaluators that know nothing of each other."""
        return self._frozen(self._parts(), None), self._tuned(None)

    def stacked(self) -> tuple[Measurement, Measurement]:
        """As `shared`, whatever metaclr would choose on this device."""
        with patch("metaclr.evaluation.evaluators.low_label_finetune.should_stack", lambda *_: True):
            return self.shared()

    def by_hand(self) -> tuple[Measurement, Measurement]:
        """As one would write it."""
        x, y, x_test, y_test = self._parts()
        pixels, test = to_float(self.train.images), to_float(self.test.images)
        frozen, tuned = [], []
        for seed, (subset, penalty) in enumerate(zip(self.subsets, self.penalties, strict=True)):
            weight, bias = scikit_learn_probe(x[subset], y[subset], penalty)
            frozen.append((x_test @ weight + bias).argmax(1) == y_test)
            found = fine_tuned(self.encoder, pixels[subset], y[subset], weight, bias, self.settings, seed)
            tuned.append(predicted(*found, test, self.settings) == y_test)
        row = {"target": self.target.name, "way": self.target.images.classes, "labels": self.labels, "protocol": ""}
        return from_subsets("frozen", torch.stack(frozen), **row), from_subsets("tuned", torch.stack(tuned), **row)

    def _parts(self) -> Parts:
        return embed(self.encoder, self.target, self.device).probe_parts

    def _frozen(self, parts: Parts, probes: Sequence[Probe] | None) -> Measurement:
        (found,) = low_label_frozen(*parts, self.subsets, target="t", labels=self.labels, probes=probes)
        return found

    def _tuned(self, probes: Sequence[Probe] | None) -> Measurement:
        (found,) = low_label_finetune(
            self.encoder,
            self.train,
            self.test,
            self.subsets,
            target="t",
            labels=self.labels,
            settings=self.settings,
            probes=probes,
        )
        return found


def scikit_learn_probe(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weight (F, N) and bias (N,) on raw features. x (n, F), y (n,): every class has a label.

    Features are standardised as metaclr does it: each variance counts with 30 images of average variance.
    """
    from sklearn.linear_model import LogisticRegression

    variance = x.var(0, correction=0)
    scale = ((len(x) * variance + 30 * variance.mean()) / (len(x) + 30)).sqrt()
    rows = ((x - x.mean(0)) / scale).cpu().numpy()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")  # one label per class
        fitted = LogisticRegression(C=1 / (len(x) * penalty), max_iter=1000).fit(rows, y.cpu().numpy())
    weight = torch.from_numpy(fitted.coef_.T).to(x) / scale.unsqueeze(1)
    return weight, torch.from_numpy(fitted.intercept_).to(x) - x.mean(0) @ weight


def fine_tuned(
    encoder: nn.Module, pixels: Tensor, y: Tensor, weight: Tensor, bias: Tensor, settings: FineTune, seed: int
) -> tuple[nn.Module, nn.Linear]:
    """The hand-written loop: `settings.steps` steps over a DataLoader of the labelled images, from that probe."""
    tuned = deepcopy(encoder).eval()  # frozen batch norm statistics
    head = nn.Linear(*weight.shape, device=pixels.device)
    head.weight.data.copy_(weight.T)
    head.bias.data.copy_(bias)
    optimizer = torch.optim.Adam([*tuned.parameters(), *head.parameters()], lr=settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    order = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(pixels, y), min(settings.batch, len(y)), shuffle=True, generator=order)
    dtype = compute_dtype(settings.precision, pixels.device)
    step = 0
    while step < settings.steps:
        for images, labels in loader:
            with autocast(pixels.device, dtype):
                embedded = tuned(images)
            loss = F.cross_entropy(head(embedded.float()), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            step += 1
            if step == settings.steps:
                break
    return tuned, head


@torch.no_grad()
def predicted(encoder: nn.Module, head: nn.Linear, pixels: Tensor, settings: FineTune) -> Tensor:
    """The class (M,) of each image (M, C, H, W)."""
    dtype = compute_dtype(settings.precision, pixels.device)
    found = []
    for (images,) in DataLoader(TensorDataset(pixels), 256):
        with autocast(pixels.device, dtype):
            embedded = encoder(images)
        found.append(head(embedded.float()).argmax(1))
    return torch.cat(found)


def measure(name: str, chosen: Namespace, device: torch.device) -> tuple[list[Row], dict[str, Any]]:
    """Everything about one data set: rows of the table, and the accuracies by label group and side."""
    images = load(name, size=chosen.size)
    subsets, steps, repeats = (2, 3, 2) if chosen.quick else (5, 30, chosen.repeats)
    target = make_target(name, images, ways=(), shots=(), episodes=1, fractions=(), per_class=(1, 5), subsets=subsets)
    encoder = build_encoder(chosen.encoder, images.channels, chosen.size, seed=0).to(device)
    with torch.no_grad():
        for _ in range(30):
            encoder(to_float(images.images[::7][:256].to(device)))
    settings = FineTune(steps=steps, precision=chosen.precision)
    rows: list[Row] = []
    accuracies: dict[str, Any] = {}
    for labels, _ in target.subsets:
        bench = Benchmark(target, labels, encoder.eval(), settings, device)
        rates = interleaved(bench.sides(), repeats)
        made = against(f"{name}, {labels}", "subsets/s", rates)
        show(made)
        rows += made
        accuracies[labels] = {}
        for library, (frozen, tuned) in bench.measured.items():
            row = f"frozen {_percent(frozen)}, fine-tuned {_percent(tuned)}"
            print(f"{'':36s} accuracy {library:25s} {row}")
            accuracies[labels][library] = {
                mode: {"accuracy": m.value, "half_width": m.ci95} for mode, m in (("frozen", frozen), ("tuned", tuned))
            }
    return rows, {"images": len(images), "classes": images.classes, "accuracy": accuracies}


def main() -> None:
    """Measure, print the tables, then JSON."""
    parser = options(__doc__, repeats=3)
    parser.add_argument("--encoder", default="conv4")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"), help="of fine-tuning [auto]")
    parser.add_argument("--size", type=int, default=28, help="pixels a side [28]")
    parser.add_argument("--data", default="glyphs:held-out,digits", help="labelled data sets, with commas")
    chosen = parser.parse_args()
    device = start(chosen)
    missing("sklearn")
    heading()
    rows, sets = [], {}
    for name in chosen.data.split(","):
        made, sets[name] = measure(name, chosen, device)
        rows += made
    finish("low_label", rows, chosen, device, "scikit-learn", sets=sets)


def _percent(found: Measurement) -> str:
    return f"{found.value:5.2f} +- {found.ci95:.2f} %"


if __name__ == "__main__":
    run(main)
