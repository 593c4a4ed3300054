"""Axes with state: queues, labels from a queue, resampled tasks, running estimates."""

from __future__ import annotations

import pytest
import torch

from metaclr.bridge import (
    Context,
    MovingAverage,
    Objective,
    Prototypes,
    Queue,
    QueuePseudoLabels,
    Resample,
    Sizes,
    raw,
    split,
)
from metaclr.bridge.embedding_queue import EmbeddingQueue
from metaclr.bridge.queue_pseudo_labels import sinkhorn
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.tasks import Resampled


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 20])
def test_memory_holds_the_last_rows(size: int) -> None:
    memory, past = EmbeddingQueue(size, 2), []
    for step in range(6):
        rows = draw(3, 2, seed=step)
        memory.push(rows)
        past = [*past, *rows.tolist()][-size:]
        kept, written = memory.read()
        assert sorted(kept[written].tolist()) == sorted(past)
        assert int(memory.pushed) == 3 * (step + 1)


def test_memory_hands_out_a_copy() -> None:
    memory = EmbeddingQueue(4, 2)
    memory.push(draw(4, 2))
    rows, _ = memory.read()
    before = rows.clone()
    memory.push(draw(4, 2, seed=1))
    assert torch.equal(rows, before)


@pytest.mark.parametrize(
    "settings",
    [
        Objective(roles=split, negatives=Queue(5)),
        Objective(roles=split, labels=QueuePseudoLabels(2, 8)),
        Objective(roles=split, tasks=Resample(4, 2)),
        Objective(denominator=MovingAverage()),
    ],
)
def test_state_is_in_the_checkpoint_and_still_in_eval(settings: Objective) -> None:
    context = Context(images=torch.arange(4)[None])
    module, resumed = settings.build(3, dataset_size=4), settings.build(3, dataset_size=4)
    module(draw(1, 4, 2, 3), context)
    resumed.load_state_dict(module.state_dict())
    z = draw(1, 4, 2, 3, seed=1)
    assert torch.equal(module(z, context), resumed(z, context))
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.eval()(z, context)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    fresh = settings.build(3, dataset_size=4).state_dict()
    assert not all(torch.equal(value, fresh[name]) for name, value in state.items())


def test_sinkhorn_rows_sum_to_one_and_columns_balance() -> None:
    scores = draw(6, 24).double()
    plan = sinkhorn(scores, 0.5, 200).exp()
    torch.testing.assert_close(plan.sum(-1), torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(plan.sum(0), torch.full((24,), 6 / 24, dtype=torch.float64))


def test_nearest_takes_rows_close_to_the_key_and_never_an_empty_slot() -> None:
    labels = QueuePseudoLabels(shots=2, size=10).module(Sizes(4)).eval()
    labels.queue.push(torch.eye(4).repeat(2, 1))
    keys = torch.eye(4)[None, :, None]
    assignment, none = labels(RoleAssignment(keys, keys), Context())
    assert none is None
    assert torch.equal(assignment.support, keys.expand(1, 4, 2, 4))  # each basis vector was pushed twice


def test_resampled_tasks_are_a_function_of_seed_and_call() -> None:
    z = torch.arange(6.0)[None, :, None, None] * 10 + torch.arange(3.0)[None, None, :, None]  # way * 10 + view
    context = Context(labels=torch.arange(6)[None], momentum_embeddings=z + 100)
    first, again, other = (Resampled(Resample(50, 4), seed) for seed in (0, 0, 1))
    tasks, changed = first(z, context)
    assert tasks.shape == (50, 4, 3, 1)
    assert torch.equal(tasks, again(z, context)[0])
    assert not torch.equal(tasks, other(z, context)[0])
    assert not torch.equal(tasks, first(z, context)[0])
    ways = tasks[..., 0].div(10, rounding_mode="floor")
    assert all(len(set(row.tolist())) == 4 for row in ways[:, :, 0])  # different ways in a task
    assert all(sorted(way.tolist()) == [0, 1, 2] for task in tasks[..., 0] % 10 for way in task)  # all views, reordered
    assert changed.labels is not None
    assert changed.momentum_embeddings is not None
    assert torch.equal(changed.labels, ways[:, :, 0].long())
    assert torch.equal(changed.momentum_embeddings, tasks + 100)
    assert torch.bincount(ways[:, :, 0].long().flatten(), minlength=6).min() > 20


def test_resampling_all_ways_keeps_the_mean_of_a_symmetric_loss() -> None:
    z = draw(1, 5, 2, 4).double()
    whole = Objective(embedding=raw, temperature=1.0)
    many = Objective(embedding=raw, temperature=1.0, tasks=Resample(8, 5))
    torch.testing.assert_close(whole.build(4)(z), many.build(4)(z))


def test_ses_trains_on_several_tasks_of_a_batch() -> None:
    settings = Objective(roles=split, tasks=Resample(16, 3), embedding=raw, head=Prototypes())
    loss = settings.build(4)(draw(2, 4, 3, 4))
    assert loss.isfinite()
