"""A guard against slow code: ratios of CPU time on one thread, never absolute times.

Both sides of a ratio are timed in turns and each counts with its fastest turn, so that a noisy machine does not fail
them; the bounds are far from what is usual (said beside them). benchmarks/ has the real figures.
"""

import random
import time
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms import v2

from episodes import PRESETS, EpisodeTable, TaskShape, augment, sample_table
from metaclr.evaluation import episode_accuracies
from metaclr.measure.index_tables import empty_set
from metaclr.measure.training import ceiling_run, engine_run
from metaclr.measure.workload import Workload


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def times_as_fast(ours: Callable[[], int], theirs: Callable[[], int], turns: int = 5) -> float:
    """Things per CPU second of ours over theirs; each side returns how many it made."""
    best = [0.0, 0.0]
    for turn in range(turns + 1):
        for side, work in enumerate((ours, theirs)):
            began = time.process_time()
            made = work()
            took = time.process_time() - began
            if turn:
                best[side] = max(best[side], made / took)
    return best[0] / best[1]


def test_tasks_are_drawn_faster_than_by_a_loop() -> None:
    source, shape = empty_set(), TaskShape(5, 1, 15)
    source.fingerprint()
    members = source.required_labels().argsort(stable=True).view(100, 600).tolist()

    def loop() -> int:
        for _ in range(300):
            for way in random.sample(range(100), shape.way):
                random.sample(members[way], shape.views)
        return 300

    assert times_as_fast(lambda: len(sample_table(source, shape, 5000, seed=0)), loop) > 5  # usual: 16


def test_episodes_are_classified_faster_than_by_a_loop() -> None:
    source, shape = empty_set(20, 600), TaskShape(5, 5, 15)
    table = sample_table(source, shape, 500, seed=0)
    rows = torch.randn(len(source), 64, generator=torch.Generator().manual_seed(0))
    few = EpisodeTable(table.support[:50], table.query[:50], table.fingerprint, table.seed)
    target = torch.arange(5).repeat_interleave(15)

    def loop() -> int:
        for support, query in zip(few.support, few.query, strict=True):
            prototypes = F.normalize(F.normalize(rows[support], dim=-1).mean(1), dim=-1)
            scores = F.normalize(rows[query.flatten()], dim=-1) @ prototypes.T
            float((scores.argmax(1) == target).float().mean())
        return len(few)

    assert times_as_fast(lambda: len(episode_accuracies(rows, table)), loop) > 1.5  # usual: 7


def test_views_are_rendered_faster_than_one_by_one() -> None:
    images = torch.randint(0, 256, (256, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ids, views = torch.arange(256), torch.zeros(256, dtype=torch.int64)
    chain = v2.Compose(
        [
            v2.RandomResizedCrop(32, scale=(0.08, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )

    def ours() -> int:
        return len(augment(images, PRESETS["simclr"], seed=0, step=0, ids=ids, views=views))

    def theirs() -> int:
        return len(torch.stack([chain(image) for image in images[:64]]))

    assert times_as_fast(ours, theirs) > 2  # usual: 11


def test_the_engine_comes_close_to_its_ceiling() -> None:
    load = Workload(batch_views=128, precision="fp32")
    engine, ceiling = engine_run(load, load.images(1024)), ceiling_run(load)
    assert times_as_fast(lambda: engine(2), lambda: ceiling(2), turns=3) > 0.6  # usual: 0.9
