"""Do few-shot intervals and tests keep what they promise? Measured with real features, for the interval over episodes
and for the interval over new classes (docs/few_shot_intervals.md).

False positives: labels are shuffled, so that no encoder can be better than another, and each paired test is run on
2,000 fresh episodes. A test at level 5 % should find a difference in 5 % of the shuffles, or fewer.
Coverage: Omniglot's 1,623 classes are dealt out into disjoint pools. A 95 % interval from one pool should contain the
value over all classes for 95 % of the pools.
Seeds: two groups of S untrained encoders, which differ in nothing but their seeds.
Turned: coverage where the quarter turns of a character are classes of their own, as Omniglot is published, by an
interval that counts these classes and by one that counts characters.

Writes few_shot_intervals.json and one CSV file for each part. `few_shot_interval_figures.py` draws them.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import metaclr
from episodes import EpisodeTable, ImageSet, TaskShape, sample_table
from metaclr.data import load
from metaclr.environment import describe
from metaclr.errors import UserError
from metaclr.evaluation import episode_accuracies, features
from metaclr.evaluation.few_shot import accuracies_without_each_way
from metaclr.evaluation.new_classes import new_class_errors
from metaclr.evaluation.standard_errors import crossed, interval
from metaclr.evaluation.statistics import mean_interval, paired_difference
from metaclr.networks import build_encoder

TASKS = tuple((way, shot) for way in (5, 20) for shot in (1, 5))
LEVEL = 0.05
SOURCE = "glyphs:source"
OUT = Path(__file__).parents[1] / "results" / "benchmarks" / "few_shot_intervals"

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Embedded:
    """Labels (M,) of a pool of images, and the features (M, F) that each of several encoders computes of them."""

    labels: Tensor
    features: Mapping[str, Tensor]

    def with_labels(self, labels: Tensor) -> Embedded:
        """The same images under other labels."""
        return Embedded(labels, self.features)

    def only(self, classes: Tensor) -> Embedded:
        """The images of some classes."""
        kept = torch.isin(self.labels, classes).nonzero().flatten()
        return Embedded(
            torch.unique(self.labels[kept], return_inverse=True)[1],
            {name: rows[kept] for name, rows in self.features.items()},
        )

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True)
class Outcome:
    """Accuracies (E,) of several encoders on the same episodes, their class ids (E, N), and where every task uses all
    classes the accuracies (E, N) without each way."""

    accuracies: Mapping[str, Tensor]
    classes: Tensor
    without: Mapping[str, Tensor] | None

    def differences(self, pairs: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor | None]:
        """y (P, E) and `without` (P, E, N) of several pairs of encoders; ("a", "") is a itself."""

        def less(of: Mapping[str, Tensor]) -> Tensor:
            return torch.stack([of[a].double() - (of[b].double() if b else 0) for a, b in pairs])

        return less(self.accuracies), less(self.without) if self.without else None


def evaluate(pool: Embedded, way: int, shot: int, episodes: int, seed: int, names: Sequence[str] = ()) -> Outcome:
    """Evaluate encoders (default all) on fresh episodes of a pool with the default protocol: 15 queries where the
    smallest class allows it."""
    query = min(15, int(torch.bincount(pool.labels).min()) - shot)
    # Episodes depend on labels alone; the pixels are in the features already.
    images = ImageSet(torch.zeros(len(pool.labels), 1, 1, 1, dtype=torch.uint8), pool.labels)
    table: EpisodeTable = sample_table(images, TaskShape(way, shot, query), episodes, seed)
    chosen = {name: pool.features[name] for name in names or pool.features}
    accuracies = {name: episode_accuracies(rows, table) for name, rows in chosen.items()}
    without = None
    if way >= pool.classes:
        without = {name: accuracies_without_each_way(rows, table) for name, rows in chosen.items()}
    return Outcome(accuracies, pool.labels[table.support[:, :, 0]], without)


def embed(images: ImageSet, encoders: Mapping[str, nn.Module]) -> Embedded:
    """Features of a set, once for all that follows."""
    return Embedded(images.required_labels(), {name: features(encoder, images) for name, encoder in encoders.items()})


def encoders(seeds: int, steps: Sequence[int]) -> dict[str, nn.Module]:
    """`untrained`, `untrained-1`, ... and `simclr-STEPS`, trained on glyphs:source from the weights of `untrained`."""
    found: dict[str, nn.Module] = {}
    for seed in range(seeds):
        found[f"untrained-{seed}" if seed else "untrained"] = build_encoder("conv4", 1, 28, seed=seed, width=64)
    for count in steps:
        found[f"simclr-{count}"] = metaclr.train("simclr", SOURCE, steps=count, quiet=True, device="cpu")
    return found


def false_positives(
    pools: Mapping[str, Embedded],
    pairs: Sequence[tuple[str, str]],
    shuffles: int,
    episodes: int,
    tasks: Sequence[tuple[int, int]] = TASKS,
) -> Rows:
    """Share of label shuffles in which a test finds a difference: a row for each pool, task and pair of encoders."""
    rows: Rows = []
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    for pool_name, pool in pools.items():
        for way, shot in (task for task in tasks if task[0] < pool.classes):
            by_episodes, by_class = [], []
            for shuffle in range(shuffles):
                order = torch.randperm(len(pool.labels), generator=torch.Generator().manual_seed(shuffle))
                outcome = evaluate(pool.with_labels(pool.labels[order]), way, shot, episodes, shuffle, names)
                y, without = outcome.differences(pairs)
                by_class.append(interval(new_class_errors(y, outcome.classes, without))[1])
                zero = torch.zeros(episodes)
                by_episodes.append(torch.tensor([paired_difference(one, zero).p for one in y]))
            for i, (a, b) in enumerate(pairs):
                rows.append(
                    {"pool": pool_name, "classes": pool.classes, "images": len(pool.labels), "way": way, "shot": shot}
                    | {"episodes": episodes, "a": a, "b": b, "shuffles": shuffles}
                    | {"episode_t": _percent([float(p[i]) < LEVEL for p in by_episodes])}
                    | {"new_classes": _percent([float(p[i]) < LEVEL for p in by_class])}
                )
                _say("shuffles", rows[-1])
    return rows


def coverage(
    whole: Embedded,
    pairs: Sequence[tuple[str, str]],
    pool_classes: int,
    partitions: int,
    episodes: int,
    tasks: Sequence[tuple[int, int]] = TASKS,
) -> Rows:
    """Share of disjoint pools whose interval contains the value over all classes: a row for each task and pair."""
    rows: Rows = []
    names = list(dict.fromkeys(name for pair in pairs for name in pair if name))
    for way, shot in tasks:
        truth = evaluate(whole, way, shot, 20 * episodes, 1, names).differences(pairs)[0].mean(1)
        held: list[Tensor] = []
        halves: list[Tensor] = []
        for number, pool in enumerate(_pools(whole, pool_classes, partitions)):
            outcome = evaluate(pool, way, shot, episodes, number, names)
            y, without = outcome.differences(pairs)
            over_episodes = torch.tensor([mean_interval(one).half for one in y], dtype=torch.float64)
            over_classes = interval(new_class_errors(y, outcome.classes, without))[0]
            both = torch.stack([over_episodes, over_classes])
            held.append((y.mean(1) - truth).abs() <= both)
            halves.append(both)
        inside, widths = torch.stack(held).double().mean(0), 100 * torch.stack(halves).mean(0)
        for i, (a, b) in enumerate(pairs):
            rows.append(
                {"pool_classes": pool_classes, "pools": len(held), "way": way, "shot": shot, "episodes": episodes}
                | {"a": a, "b": b, "value_over_all_classes": round(100 * float(truth[i]), 3)}
                | {"episode_t": round(100 * float(inside[0, i]), 2), "new_classes": round(100 * float(inside[1, i]), 2)}
                | {"episode_t_half": round(float(widths[0, i]), 3), "new_classes_half": round(float(widths[1, i]), 3)}
            )
            _say("coverage", rows[-1])
    return rows


def seeds_null(whole: Embedded, group: int, pool_classes: int, splits: int, episodes: int) -> Rows:
    """Share of comparisons of two groups of `group` untrained encoders in which a test finds a difference."""
    names = [name for name in whole.features if name.startswith("untrained")]
    rejected: dict[str, list[bool]] = {"episode_t": [], "new_classes": [], "seeds_t": [], "crossed": []}
    for number, pool in enumerate(_pools(whole, pool_classes, 1)):
        outcome = evaluate(pool, 5, 5, episodes, number, names)
        for split in range(splits):
            order = torch.randperm(len(names), generator=torch.Generator().manual_seed(1000 * number + split)).tolist()
            pairs = [(names[order[s]], names[order[group + s]]) for s in range(group)]
            y, _ = outcome.differences(pairs)
            errors = new_class_errors(y.mean(0), outcome.classes)
            zero = torch.zeros(episodes)
            found = {
                "episode_t": paired_difference(y.mean(0), zero).p,
                "new_classes": float(interval(errors)[1]),
                "seeds_t": paired_difference(y.mean(1), torch.zeros(group)).p,
                "crossed": float(interval(crossed(errors, y.mean(1)))[1]),
            }
            for test, p in found.items():
                rejected[test].append(p < LEVEL)
    row = {"seeds": group, "pool_classes": pool_classes, "splits": len(rejected["crossed"]), "episodes": episodes}
    row |= {test: _percent(found) for test, found in rejected.items()}
    _say("seeds", row)
    return [row]


def turned_coverage(
    whole: Embedded, pairs: Sequence[tuple[str, str]], characters: int, partitions: int, episodes: int
) -> Rows:
    """Share of pools of turned characters whose interval contains the value over all: a row for each task and pair.

    whole: of classes 4 c, ..., 4 c + 3, the turns of character c.
    """
    rows: Rows = []
    names = list(dict.fromkeys(name for pair in pairs for name in pair if name))
    for way, shot in ((5, 5), (20, 1)):
        truth = evaluate(whole, way, shot, 20 * episodes, 1, names).differences(pairs)[0].mean(1)
        held: list[Tensor] = []
        for number, chosen in enumerate(_parts(whole.classes // 4, characters, partitions)):
            pool = whole.only((4 * chosen.unsqueeze(1) + torch.arange(4)).flatten())
            outcome = evaluate(pool, way, shot, episodes, number, names)
            y, _ = outcome.differences(pairs)
            halves = [interval(new_class_errors(y, ids))[0] for ids in (outcome.classes, outcome.classes // 4)]
            held.append((y.mean(1) - truth).abs() <= torch.stack(halves))
        inside = torch.stack(held).double().mean(0)
        for i, (a, b) in enumerate(pairs):
            rows.append(
                {"characters": characters, "pools": len(held), "way": way, "shot": shot, "episodes": episodes}
                | {"a": a, "b": b, "counting_classes": round(100 * float(inside[0, i]), 2)}
                | {"counting_characters": round(100 * float(inside[1, i]), 2)}
            )
            _say("turned", rows[-1])
    return rows


def _pools(whole: Embedded, size: int, partitions: int) -> Iterator[Embedded]:
    """Disjoint pools of `size` classes, by random partitions of all classes."""
    yield from (whole.only(part) for part in _parts(whole.classes, size, partitions))


def _parts(count: int, size: int, partitions: int) -> Iterator[Tensor]:
    """Disjoint subsets of `size` of the numbers 0 .. count - 1, by random partitions."""
    for partition in range(partitions):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(partition))
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def _percent(found: Sequence[bool]) -> float:
    return round(100 * sum(found) / len(found), 2)


def _say(part: str, row: Mapping[str, Any]) -> None:
    print(part, *(f"{key}={value}" for key, value in row.items()), flush=True)


def omniglot(*, turned: bool = False) -> ImageSet | None:
    """All 1,623 characters at 28 pixels, or with their turns; None where the data root has no Omniglot."""
    try:
        return load("omniglot" if turned else "omniglot_upright", size=28, channels=1)
    except UserError as error:
        print(f"without Omniglot: {error}")
        return None


PARTS = ("false_positives", "coverage", "seeds", "turned")


def measure(quick: bool, only: Sequence[str] = PARTS) -> dict[str, Rows]:
    """Some parts, or all. quick: few shuffles and pools, numbers not to be quoted."""
    shuffles, episodes = (10, 500) if quick else (200, 2000)
    nets = encoders(seeds=6 if quick else 12, steps=(12,) if quick or tuple(only) == ("turned",) else (12, 100))
    two = {name: nets[name] for name in nets if name == "untrained" or name.startswith("simclr")}
    images = None if tuple(only) == ("turned",) else omniglot()
    whole = None if images is None else embed(images, nets if "seeds" in only else two)
    parts: dict[str, Rows] = {}
    if "false_positives" in only:
        pairs = [(name, "untrained") for name in two if name != "untrained"]
        pools = {"glyphs:held-out": embed(load("glyphs:held-out"), two), "digits": embed(load("digits"), two)}
        few: dict[str, Embedded] = {}
        if whole is not None:
            drawn = torch.randperm(whole.classes, generator=torch.Generator().manual_seed(60))[:60]
            few = {"60 Omniglot classes": whole.only(drawn)}
        parts["false_positives"] = false_positives({**pools, **few}, pairs, shuffles, episodes)
        if not quick:
            parts["false_positives"] += false_positives(few, pairs[:1], shuffles, 5 * episodes, ((20, 5),))
    if "coverage" in only:
        pairs = [("simclr-12", ""), ("simclr-12", "untrained")]
        parts["coverage"] = []
        for size, partitions, tasks in ((60, 24, TASKS), (10, 6, TASKS[:2]), (20, 8, ((20, 1),))) if whole else ():
            parts["coverage"] += coverage(whole, pairs, size, 1 if quick else partitions, episodes, tasks)
    if "seeds" in only:
        parts["seeds"] = []
        for group in ((3,) if quick else (3, 5)) if whole else ():
            parts["seeds"] += seeds_null(whole, group, 60, 2 if quick else 12, episodes)
    if "turned" in only:
        pairs = [("simclr-12", ""), ("simclr-12", "untrained")]
        turned = omniglot(turned=True)
        pair = {name: nets[name] for name in ("untrained", "simclr-12")}
        parts["turned"] = (
            turned_coverage(embed(turned, pair), pairs, 60, 1 if quick else 24, episodes) if turned else []
        )
    return parts


def write(parts: Mapping[str, Rows], out: Path, facts: Mapping[str, Any]) -> None:
    """few_shot_intervals.json with everything, and a CSV file for each part that has rows."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmark": "few_shot_intervals", **facts, **parts}, indent=1)
    (out / "few_shot_intervals.json").write_text(text + "\n", encoding="utf-8")
    for name, rows in parts.items():
        if rows:
            with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def check(parts: Mapping[str, Rows]) -> list[str]:
    """What misses its mark: more than 7 % false positives, or coverage outside 92 to 98 %."""
    missed = [
        f"{r['pool']}, {r['way']}-way {r['shot']}-shot, {r['a']} - {r['b']}: {r['new_classes']} % false positives"
        for r in parts["false_positives"]
        if r["new_classes"] > 7
    ]
    missed += [
        f"pools of {r['pool_classes']}, {r['way']}-way {r['shot']}-shot, {r['a']} {r['b']}: covers {r['new_classes']} %"
        for r in parts["coverage"]
        if not 92 <= r["new_classes"] <= 98
    ]
    return missed + [
        f"{r['characters']} turned characters, {r['way']}-way {r['shot']}-shot, {r['a']} {r['b']}: covers"
        f" {r['counting_characters']} %"
        for r in parts["turned"]
        if not 92 <= r["counting_characters"] <= 98
    ]


def main() -> None:
    """Measure, write, and say what misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every part, small: numbers not to be quoted")
    parser.add_argument("--threads", type=int, default=1, help="threads of the CPU [1]")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="measure these, keep the others")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    began = time.perf_counter()
    report = chosen.out / "few_shot_intervals.json"
    parts = {part: [] for part in PARTS}
    if len(chosen.only) < len(PARTS) and report.is_file():
        stored = json.loads(report.read_text(encoding="utf-8"))
        parts |= {part: stored.get(part, []) for part in PARTS}
    parts |= measure(chosen.quick, chosen.only)
    write(parts, chosen.out, {"quick": chosen.quick, "environment": describe(torch.device("cpu"))})
    print(f"{(time.perf_counter() - began) / 60:.1f} minutes; written to {chosen.out}")
    print("\n".join(check(parts)) or "all tests keep their level, all intervals cover 92 to 98 %")


if __name__ == "__main__":
    main()
