"""How many stars a table shows on shuffled labels, by the rule that corrects for its number of tests.

    python benchmarks/table_stars.py [--shuffles 200] [--out FOLDER]

A table like that of `metaclr compare`: six methods of the glyphs recipe and pixels, each against the untrained encoder,
on four few-shot columns of one target. Labels are shuffled, so that no encoder can be better than another and every
star is false. Three rules: no correction, Holm's within a column, Holm's over all few-shot columns of the target (what
metaclr does, `metaclr.results.scores.families`). For each: the mean share of the tests that show a star, and the share
of tables that show at least one. Figures are in docs/few_shot_intervals.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from few_shot_intervals import LEVEL, OUT, TASKS, Embedded, embed, evaluate

import metaclr
from metaclr.data import load
from metaclr.environment import describe
from metaclr.evaluation.new_classes import new_class_errors
from metaclr.evaluation.standard_errors import interval
from metaclr.evaluation.statistics import holm
from metaclr.networks import build_encoder

METHODS = ("simclr", "infonce", "protoclr", "r2d2", "supcon", "protonet")
REFERENCE = "untrained"
TARGET = "glyphs:held-out"
RULES = ("no correction", "Holm within a column", "Holm over a target's few-shot columns")


def table_of_encoders(steps: int) -> Embedded:
    """The target as the encoders of a table see it: six trained for `steps` steps, one untrained, and the pixels."""
    images = load(TARGET, size=28, channels=1)
    nets = {name: metaclr.train(name, "glyphs:source", steps=steps, quiet=True, device="cpu") for name in METHODS}
    nets[REFERENCE] = build_encoder("conv4", 1, 28, seed=0, width=64)
    seen = embed(images, nets)
    return Embedded(seen.labels, {**seen.features, "pixels": images.images[:].flatten(1).float() / 255})


def table_of_tests(pool: Embedded, shuffle: int, episodes: int) -> list[list[float]]:
    """p values of one table on shuffled labels: a list for each column, a value for each method but the reference."""
    order = torch.randperm(len(pool.labels), generator=torch.Generator().manual_seed(shuffle))
    shuffled = pool.with_labels(pool.labels[order])
    pairs = [(name, REFERENCE) for name in pool.features if name != REFERENCE]
    columns = []
    for way, shot in TASKS:
        outcome = evaluate(shuffled, way, shot, episodes, shuffle)
        y, without = outcome.differences(pairs)
        columns.append(interval(new_class_errors(y, outcome.classes, without))[1].tolist())
    return columns


def stars(columns: Sequence[Sequence[float]]) -> dict[str, float]:
    """Share of the tests of a table that show a star, by rule."""
    flat = [p for column in columns for p in column]
    corrected = (flat, [p for column in columns for p in holm(column)], holm(flat))
    return {rule: sum(p <= LEVEL for p in found) / len(flat) for rule, found in zip(RULES, corrected, strict=True)}


def summary(tables: Sequence[Mapping[str, float]], tests: int) -> list[dict[str, Any]]:
    """A row for each rule, in percent."""
    return [
        {"rule": rule, "target": TARGET, "tables": len(tables), "tests_in_a_table": tests}
        | {"tests_with_a_star": round(100 * sum(table[rule] for table in tables) / len(tables), 2)}
        | {"tables_with_a_star": round(100 * sum(table[rule] > 0 for table in tables) / len(tables), 2)}
        | {"most_in_one_table": round(100 * max(table[rule] for table in tables), 1)}
        for rule in RULES
    ]


def main() -> None:
    """Measure and write table_stars.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shuffles", type=int, default=200)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=12, help="of each training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    pool = table_of_encoders(chosen.steps)
    tables = []
    for shuffle in range(chosen.shuffles):
        columns = table_of_tests(pool, shuffle, chosen.episodes)
        tables.append(stars(columns))
        print(shuffle, *(f"{rule}: {100 * share:.1f} %" for rule, share in tables[-1].items()), sep="; ", flush=True)
    rows = summary(tables, sum(map(len, columns)))
    print(*rows, sep="\n")
    report = {"benchmark": "table_stars", "rows": rows, "steps": chosen.steps, "episodes": chosen.episodes}
    chosen.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**report, "environment": describe(torch.device("cpu"))}, indent=1)
    (chosen.out / "table_stars.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
