"""Tasks of varying ways and shots: the published rules hold for every draw, and accuracy is that of a slow loop."""

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.evaluation.evaluators.meta_dataset import (
    MAX_QUERY,
    MAX_SHOTS,
    MAX_SUPPORT,
    MAX_WAYS,
    MIN_WAYS,
    VaryingTask,
    draw_task,
    task_accuracy,
)  # fmt: skip

COUNTS = [3, 4, 8, 20, 25, 40, 60, 100, 300, 700] * 6


def classes(counts: list[int]) -> list[Tensor]:
    return list(torch.arange(sum(counts)).split(counts))


def test_every_draw_keeps_the_published_rules() -> None:
    by_class = classes(COUNTS)
    owner = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))
    seen = set()
    for number in range(300):
        task = draw_task(by_class, 0, number)
        seen.add(task.ways)
        assert MIN_WAYS <= task.ways <= MAX_WAYS
        assert not set(task.support.tolist()) & set(task.query.tolist())
        assert len(task.support) <= MAX_SUPPORT + task.ways
        for way in range(task.ways):
            support, query = task.support[task.support_way == way], task.query[task.query_way == way]
            c = set(owner[torch.cat([support, query])].tolist())
            assert len(c) == 1  # one class a way
            size = COUNTS[c.pop()]
            assert 1 <= len(support) <= size - len(query)
            assert len(set(support.tolist())) == len(support)
        smallest = min(COUNTS[int(owner[task.support[task.support_way == way][0]])] for way in range(task.ways))
        assert (task.query_way == 0).sum() == min(MAX_QUERY, smallest // 2)
    assert {min(seen), max(seen)} == {MIN_WAYS, MAX_WAYS}


def test_draws_are_a_function_of_seed_and_number_alone() -> None:
    by_class = classes(COUNTS)
    one, same, other = draw_task(by_class, 1, 7), draw_task(by_class, 1, 7), draw_task(by_class, 2, 7)
    assert one.support.equal(same.support)
    assert not (one.ways == other.ways and one.support.equal(other.support))


def test_large_classes_get_more_shots_and_few_classes_fewer_ways() -> None:
    by_class = classes([20] * 5 + [1000])
    shots = torch.zeros(6)
    for number in range(100):
        task = draw_task(by_class, 0, number)
        assert task.ways in (5, 6)
        assert len(task.support) <= 5 * 10 + MAX_SHOTS + MAX_WAYS
        for image, count in zip(*task.support.div(20, rounding_mode="floor").clamp(max=5).unique(return_counts=True),
                                strict=True):  # fmt: skip
            shots[int(image)] += count
    assert shots[5] > 2 * shots[:5].max()


def test_accuracy_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    features = F.normalize(torch.randn(sum(COUNTS), 7, generator=generator), dim=1)
    task = draw_task(classes(COUNTS), 0, 3)
    right = 0
    for image, way in zip(task.query.tolist(), task.query_way.tolist(), strict=True):
        scores = []
        for w in range(task.ways):
            prototype = features[task.support[task.support_way == w]].mean(0)
            scores.append(float(F.cosine_similarity(prototype, features[image], dim=0)))
        right += scores.index(max(scores)) == way
    assert abs(task_accuracy(features, task) - right / len(task.query)) < 1e-9
    perfect = VaryingTask(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([0, 1]), 2)
    assert task_accuracy(torch.eye(2), perfect) == 1
