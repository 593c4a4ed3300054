"""Batches without positives or without negatives: 0 with a gradient of 0, or a refusal, for every method alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from metaclr import methods
from metaclr.bridge import (
    Context,
    Decoupled,
    EachPositive,
    HardestNegatives,
    HardWeighted,
    Matching,
    Objective,
    Pairs,
    Queue,
    SimilarityThreshold,
    SimpleContrastive,
    among_queries,
    cross_entropy,
    dot,
    given,
    split,
    within_class,
)
from metaclr.errors import UserError
from tests.metaclr.bridge.test_gradients import SMALL, TRAINED

WITHIN_IMAGES = {"cpc", "r3m"}  # patches of one image, frames of one clip are each other's negatives
NO_NEGATIVES = {"byol", "simsiam", "dino", "supervised"}  # nothing is compared with negatives, so none can be missing
REFUSED = {"align_uniform", "barlow_twins", "vicreg", "spectral", "wmse", "sogclr", "semi_normalized", "hms", "unisiam"}
REFUSED |= {"caml", "lejepa", "snail", "swav"}
OF_LABELS = [name for name in TRAINED if methods.get(name).labels != "instance" and name not in NO_NEGATIVES]
DENOMINATORS = [
    cross_entropy,
    Decoupled(),
    Decoupled(sigma=0.5),
    EachPositive(),
    HardWeighted(),
    HardestNegatives(),
    SimilarityThreshold(),
    SimpleContrastive(),
]


def first_batch(name: str, ways: int) -> tuple[nn.Module, Tensor, Context]:
    """A method's objective before its first step (empty queues), and a batch of so many ways."""
    method = methods.get(name)
    settings = {key: value for key, value in SMALL.get(name, {}).items() if key != "way"}
    module = method.objective.build(5, dataset_size=50, classes=3, **settings).double()
    source = torch.Generator().manual_seed(0)
    z = torch.randn(1, ways, method.v, 5, dtype=torch.float64, generator=source).requires_grad_()
    keys = None if method.momentum is None else torch.randn(z.shape, dtype=torch.float64, generator=source)
    index = torch.arange(ways)[None]
    return module, z, Context(labels=index, images=index, shot=method.shot, momentum_embeddings=keys)


def is_zero(loss: Tensor, z: Tensor) -> bool:
    """Whether the loss and its gradient are exactly 0."""
    gradient = torch.autograd.grad(loss, z, allow_unused=True)[0] if loss.requires_grad else None
    return loss.item() == 0 and (gradient is None or not gradient.any())


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in NO_NEGATIVES | WITHIN_IMAGES])
def test_a_batch_of_one_way_has_no_negative(name: str) -> None:
    module, z, context = first_batch(name, 1)
    if name in REFUSED:
        with pytest.raises(UserError, match="1"):
            module(z, context)
    else:
        assert is_zero(module(z, context), z)


# The entities of `tabi` are its ways, whatever their classes.
@pytest.mark.parametrize(
    "name", [name for name in OF_LABELS if methods.get(name).way_type == "instances" and name != "tabi"]
)
def test_a_batch_of_one_class_has_no_negative(name: str) -> None:
    """Its within-class term alone is left of `l_spread` and `supcon_spread`: the other images of the class."""
    module, z, context = first_batch(name, 4)
    context = replace(context, labels=torch.zeros(1, 4, dtype=torch.int64))
    loss = module(z, context)
    if "spread" in name:
        weight, term = methods.get(name).objective.terms[1]  # type: ignore[attr-defined]
        torch.testing.assert_close(loss, weight * term.build(5).double()(z, context))
    else:
        assert is_zero(loss, z)


@pytest.mark.parametrize("name", OF_LABELS)
def test_a_batch_of_single_views_has_no_positive(name: str) -> None:
    module, z, context = first_batch(name, 6)
    single = z[:, :, :1].detach().requires_grad_()
    context = replace(context, momentum_embeddings=None)
    objective = methods.get(name).objective
    terms = [term for _, term in getattr(objective, "terms", [(1.0, objective)])]
    needs_two = any(getattr(term, "roles", None) in (split, among_queries) or "spread" in name for term in terms)
    if needs_two:  # one for the support and one for the query; or two of an image, which are its positives
        with pytest.raises(UserError, match="view"):
            module(single, context)
    else:
        assert is_zero(module(single, context), single)


@pytest.mark.parametrize("denominator", DENOMINATORS, ids=str)
@pytest.mark.parametrize("head", [Pairs(dot), Matching(dot)], ids=["pairs", "matching"])
def test_every_denominator_costs_the_same_without_negatives(head: Pairs | Matching, denominator: object) -> None:
    labels = Context(labels=torch.tensor([[0, 0, 0]]))
    z = torch.randn(1, 3, 2, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = Objective(labels=given, head=head, denominator=denominator).build(5)(z, labels)  # type: ignore[arg-type]
    assert is_zero(loss, z)


def test_a_query_without_a_negative_is_counted_at_zero() -> None:
    """Class 0 has two images, class 1 one: within their class, only the two have a negative to be told from."""
    z = torch.randn(1, 3, 3, 5, generator=torch.Generator().manual_seed(0))
    module = Objective(negatives=within_class).build(5)
    both = module(z[:, :2], Context(labels=torch.tensor([[0, 0]])))
    all_three = module(z, Context(labels=torch.tensor([[0, 0, 1]])))
    torch.testing.assert_close(all_three, both * 2 / 3)


def test_an_empty_queue_is_no_negative_and_a_filled_one_is() -> None:
    z = torch.randn(1, 1, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    module = Objective(roles=split, negatives=Queue(4)).build(5)
    context = Context(shot=2)
    assert is_zero(module(z, context), z)
    assert module(z, context) > 0
