"""Combinations of axes that have no meaning are refused with the reason; all others build and run."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
import torch

from metaclr.bridge import (
    SVM,
    Context,
    HardestNegatives,
    HardWeighted,
    Matching,
    MovingAverage,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    QueuePseudoLabels,
    Relation,
    Resample,
    Ridge,
    SimilarityThreshold,
    SimpleContrastive,
    SquaredError,
    Tasks,
    cosine,
    cross_entropy,
    decoupled,
    dot,
    given,
    in_batch,
    instance,
    leave_one_out,
    one_task,
    raw,
    split,
    squared_euclidean,
    swap,
    unit_norm,
    within_class,
)
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError

ILLEGAL: list[tuple[dict[str, Any], str]] = [
    ({"temperature": 0.0}, "temperature = 0.0"),
    ({"temperature": float("nan")}, "finite"),
    ({"temperature": 0.001, "learn_temperature": True}, "cannot be learned"),
    ({"head": Ridge()}, "apart from its queries"),
    ({"head": SVM()}, "apart from its queries"),
    ({"head": Relation()}, "apart from its queries"),
    ({"negatives": Queue(8)}, "every row of leave-one-out is a query"),
    ({"labels": QueuePseudoLabels(2, 8)}, "takes the support's place"),
    ({"roles": split, "head": Ridge(), "negatives": Queue(8)}, "the classes of its classifier"),
    ({"roles": split, "head": Ridge(), "denominator": decoupled}, "jointly"),
    ({"roles": split, "head": SVM(), "denominator": HardWeighted()}, "jointly"),
    ({"embedding": raw, "denominator": HardWeighted()}, "cosines"),
    ({"head": Pairs(squared_euclidean), "denominator": HardWeighted()}, "cosines"),
    ({"head": Prototypes(dot), "negatives": within_class}, "Pairs or Matching"),
    ({"labels": given, "negatives": within_class}, "no negative is left"),
    ({"tasks": Resample(4, 2), "denominator": MovingAverage()}, "no single moving average"),
    ({"roles": split, "labels": QueuePseudoLabels(2, 8), "negatives": Queue(8)}, "support already"),
]


@pytest.mark.parametrize(("settings", "reason"), ILLEGAL, ids=[reason for _, reason in ILLEGAL])
def test_illegal_combinations_say_why(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        Objective(**settings)
    assert "\n" not in str(caught.value)


AXES: dict[str, list[Any]] = {
    "labels": [instance, given, QueuePseudoLabels(2, 16)],
    "roles": [split, swap, leave_one_out],
    "tasks": [one_task, Tasks(2), Resample(3, 2)],
    "embedding": [raw, unit_norm],
    "head": [Pairs(dot), Matching(cosine), Prototypes(squared_euclidean), Ridge(), SVM(), Relation(4)],
    "negatives": [in_batch, Queue(8), Queue(8, with_batch=True), within_class],
    "denominator": [
        cross_entropy, decoupled, SimpleContrastive(), SquaredError(), HardWeighted(), HardestNegatives(),
        SimilarityThreshold(), MovingAverage(),
    ],
}  # fmt: skip


def test_legal_combinations_run() -> None:
    """A sample of the product of the axes: each point is refused when it is written down, or it trains."""
    source = torch.Generator().manual_seed(0)
    z = torch.randn(1, 6, 2, 4, generator=source)
    context = Context(labels=torch.arange(6)[None], images=torch.arange(6)[None])
    points = Random(0).sample(list(product(*AXES.values())), 1000)
    ran = 0
    for values in points:
        try:
            settings = Objective(**dict(zip(AXES, values, strict=True)))
        except UserError:
            continue
        module = settings.build(4, dataset_size=6)
        batch = z.clone().requires_grad_()
        (module(z, context) + module(batch, context)).backward()  # twice: queues are empty at first
        assert batch.grad is not None
        assert batch.grad.isfinite().all(), settings
        ran += 1
    assert ran > 100


def test_class_heads_refuse_a_label_that_occurs_twice() -> None:
    context = Context(labels=torch.tensor([[0, 1, 0, 2]]))
    z = torch.randn(1, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    for head in (Prototypes(dot), Ridge(), SVM(), Relation(4)):
        with pytest.raises(UserError, match="a label occurs twice"):
            Objective(labels=given, roles=split, head=head).build(5)(z, context)
        Objective(roles=split, head=head).build(5)(z, context)  # instance labels: the given ones are not looked at


def test_roles_need_views() -> None:
    one, two = torch.zeros(1, 4, 1, 5), torch.zeros(1, 4, 2, 5)
    for roles in (split, swap):
        with pytest.raises(UserError, match="at least 2 views"):
            Objective(roles=roles).build(5)(one)
        with pytest.raises(UserError, match="at least 3 views"):
            Objective(roles=roles).build(5)(two, Context(shot=2))
    with pytest.raises(UserError, match="at least 2 views"):
        Objective(roles=leave_one_out).build(5)(one)
    with pytest.raises(UserError, match="role assignments"):
        Objective(roles=swap).build(5)(torch.zeros(1, 2, 10, 5), Context(shot=5))


def test_what_the_settings_ask_of_the_context() -> None:
    z = torch.zeros(1, 4, 2, 5)
    with pytest.raises(UserError, match=r"need Context\.labels"):
        Objective(negatives=within_class).build(5)(z)
    with pytest.raises(UserError, match=r"needs Context\.images"):
        Objective(denominator=MovingAverage()).build(5, dataset_size=4)(z)
    with pytest.raises(UserError, match="dataset_size"):
        Objective(denominator=MovingAverage()).build(5)
    with pytest.raises(UserError, match="does not divide"):
        Objective(tasks=Tasks(3)).build(5)(z)
    with pytest.raises(UserError, match="way = 9"):
        Objective(tasks=Resample(3, 9)).build(5)(z[:, :1])


def test_a_batch_of_fewer_ways_than_a_drawn_task_gives_tasks_of_all_its_ways() -> None:
    z = torch.randn(2, 4, 2, 5)
    drawn, _ = Resample(3, 9).module(Sizes(dim=5))(z, Context())
    assert drawn.shape == (3, 4, 2, 5)
    for i, task in enumerate(drawn):
        torch.testing.assert_close(task.sum(1).sum(0), z[i % 2].sum(1).sum(0))


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (Ridge, {"regularizer": 0.0}),
        (SVM, {"penalty": -1.0}),
        (SVM, {"steps": 0}),
        (Relation, {"hidden": 0}),
        (Queue, {"size": 0}),
        (QueuePseudoLabels, {"shots": 0}),
        (QueuePseudoLabels, {"epsilon": 0.0}),
        (Tasks, {"parts": 0}),
        (Resample, {"way": 0}),
        (MovingAverage, {"gamma": 0.0}),
        (HardWeighted, {"tau_plus": 1.0}),
        (HardWeighted, {"beta": -1.0}),
        (HardestNegatives, {"share": 0.0}),
        (HardestNegatives, {"count": 0}),
    ],
)
def test_illegal_values_are_named(make: Any, arguments: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(arguments))):
        make(**arguments)
