"""Index tables a second: metaclr's sampler against learn2learn's and easyfsl's, no pixel touched.

    python benchmarks/tasks.py [--threads 2] [--repeats 7] [--quick] [--json FILE]

5-way tasks over 100 classes of 600 images (the size of mini-ImageNet), 15 queries. A task is which images are support
and query: no library loads a picture here. learn2learn is timed on its transforms NWays and KShots, and on
FusedNWaysKShots which does both at once; easyfsl on iterating its TaskSampler (patched: see peers_few_shot.py). metaclr
draws tables of 20,000 tasks; the others draw one task at a time, as many as a turn has time for. Index tables are made
on the CPU whatever the device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from common import Row, against, finish, heading, missing, options, run, show, start
from peers_few_shot import Pairs, easyfsl_sampler, learn2learn_tasks

from episodes import EpisodeSampler, ImageSet, TaskShape
from metaclr.measure.index_tables import empty_set, index_tables
from metaclr.measure.timing import Side, for_seconds, interleaved

SHAPES = {"5-way 1-shot 15-query": TaskShape(5, 1, 15), "5-way 5-shot 15-query": TaskShape(5, 5, 15)}
CPU = torch.device("cpu")


def sides(shape: TaskShape, source: ImageSet, seconds: float) -> dict[str, Side]:
    """Our tables and training batches, and the two other samplers."""
    pairs = Pairs(source.images, source.required_labels())
    sampler = EpisodeSampler(source, TaskShape(shape.way, shape.shot, shape.query, tasks=64), way_type="classes")
    steps = iter(range(1 << 62))

    learn2learn = learn2learn_tasks(pairs, shape, -1, load=False)
    fused = learn2learn_tasks(pairs, shape, -1, load=False, fused=True)
    easyfsl = iter(easyfsl_sampler(pairs, shape, 1 << 40))
    return {
        "metaclr": index_tables(seconds, shape),
        "metaclr, batches of 64 tasks": for_seconds(lambda: sampler(next(steps)).tasks, seconds, CPU),
        "learn2learn": for_seconds(lambda: _made(learn2learn.sample_task_description), seconds, CPU),
        "learn2learn, fused": for_seconds(lambda: _made(fused.sample_task_description), seconds, CPU),
        "easyfsl": for_seconds(lambda: _made(easyfsl.__next__), seconds, CPU),
    }


def _made(draw: Callable[[], object], count: int = 100) -> int:
    for _ in range(count):
        draw()
    return count


def main() -> None:
    """Measure every shape, print the table, then JSON."""
    parser = options(__doc__, repeats=7)
    chosen = parser.parse_args()
    missing("learn2learn", "easyfsl")
    device = start(chosen)
    repeats, seconds = (2, 0.1) if chosen.quick else (chosen.repeats, 1.0)
    source = empty_set()
    rows: list[Row] = []
    heading()
    for name, shape in SHAPES.items():
        rates = interleaved(sides(shape, source, seconds), repeats)
        show(made := against(name, "tasks/s", rates))
        rows += made
    finish("tasks", rows, chosen, device, "learn2learn", "easyfsl")


if __name__ == "__main__":
    run(main)
