"""pytorch-metric-learning on the same embeddings: NT-Xent, SupCon, NCA, triplet and N-pair.

Where its definition is another one, the test says how the two differ and checks that relation.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from metaclr.bridge import (
    Context,
    Matching,
    Objective,
    Pairs,
    dot,
    given,
    leave_one_out,
    raw,
    split,
    squared_euclidean,
    unit_norm,
)
from metaclr.bridge.losses.triplet import Triplet
from tests import reference
from tests.parity.agreement import INSTALL, SIZES, TEMPERATURES, TWO_VIEWS, Loss, agree, bridge, draw, grid

pytest.importorskip("pytorch_metric_learning", reason=INSTALL)
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.losses import NCALoss, NPairsLoss, NTXentLoss, SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer, MeanReducer

SQUARED = {"power": 2}


def rows(z: Tensor) -> Tensor:
    return z.flatten(0, 2)


def instances(z: Tensor) -> Tensor:
    return torch.arange(z.shape[1]).repeat_interleave(z.shape[2])


def classes(z: Tensor) -> tuple[Context, Tensor]:
    """Labels of the ways, and of the rows: of more than two ways, the first two are of one class."""
    labels = torch.arange(z.shape[1])
    labels[1] = 0 if z.shape[1] > 2 else 1
    return Context(labels=labels[None]), labels.repeat_interleave(z.shape[2])


def theirs_of(loss: Any, labels: Tensor, **more: Any) -> Loss:
    def value(z: Tensor) -> Tensor:
        found: Tensor = loss(rows(z), labels, **more)
        return found

    return value


@pytest.mark.parametrize(("size", "tau"), grid(TWO_VIEWS))
def test_nt_xent_of_two_views(size: tuple[int, int, int], tau: float) -> None:
    z = draw(size)
    mine = bridge(Objective(roles=leave_one_out, embedding=unit_norm, head=Pairs(dot), temperature=tau))
    agree(mine, theirs_of(NTXentLoss(temperature=tau), instances(z)), z)


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_their_nt_xent_of_several_positives_leaves_the_other_positives_out(tau: float) -> None:
    """Theirs: each (anchor, positive) against the negatives only. SupCon has all positives in the denominator."""
    z = draw((5, 4, 8))
    theirs = NTXentLoss(temperature=tau)(rows(z), instances(z))
    anchors = reference.anchors(reference.unit(z[0]), None, tau, reference.dot)
    pairs = [reference.log_sum_exp([one, *n]) - one for p, n in anchors for one in p]
    assert theirs.item() == pytest.approx(reference.mean(pairs), rel=1e-9)
    assert theirs < bridge(Objective(temperature=tau))(z)


@pytest.mark.parametrize(("size", "tau"), grid(SIZES))
def test_supcon(size: tuple[int, int, int], tau: float) -> None:
    z = draw(size)
    context, labels = classes(z)
    mine = bridge(Objective(labels=given, head=Pairs(dot), temperature=tau), context)
    agree(mine, theirs_of(SupConLoss(temperature=tau), labels), z)


def test_supcon_drops_anchors_without_a_positive_as_we_do() -> None:
    """Their anchors without a positive cost 0 and their reducer averages what is above 0; a plain mean would not."""
    z, labels = draw((6, 1, 5)), torch.tensor([0, 1, 0, 2, 1, 3])
    mine = bridge(Objective(labels=given, head=Pairs(dot), temperature=0.5), Context(labels=labels[None]))
    agree(mine, theirs_of(SupConLoss(temperature=0.5), labels), z)
    plain = theirs_of(SupConLoss(temperature=0.5, reducer=MeanReducer()), labels)
    agree(lambda z: mine(z) * 4 / 6, plain, z)


def test_supcon_of_one_class_is_where_the_two_differ() -> None:
    """Without any negative theirs is 0; ours still spreads the positives, as the formula says."""
    z, labels = draw((4, 2, 5)), torch.zeros(4, dtype=torch.int64)
    assert SupConLoss(temperature=0.5)(rows(z), labels.repeat_interleave(2)) == 0
    mine = bridge(Objective(labels=given, head=Pairs(dot), temperature=0.5), Context(labels=labels[None]))
    expected = reference.supcon_out(reference.unit(z[0]), labels.tolist(), 0.5)
    assert mine(z).item() == pytest.approx(expected, rel=1e-9)
    assert expected > 1


@pytest.mark.parametrize(("size", "tau"), grid(SIZES))
def test_nca(size: tuple[int, int, int], tau: float) -> None:
    z = 0.3 * draw(size)
    context, labels = classes(z)
    distance = LpDistance(normalize_embeddings=False, **SQUARED)
    mine = bridge(
        Objective(labels=given, embedding=raw, head=Matching(squared_euclidean), temperature=tau),
        context,
    )
    theirs = NCALoss(softmax_scale=1 / tau, distance=distance)
    agree(mine, theirs_of(theirs, labels), z)
    normal = bridge(Objective(labels=given, head=Matching(squared_euclidean), temperature=tau), context)
    agree(normal, theirs_of(NCALoss(softmax_scale=1 / tau), labels), z)  # their default: rows of unit norm


@pytest.mark.parametrize("size", TWO_VIEWS)
def test_n_pair(size: tuple[int, int, int]) -> None:
    """Their anchor is the first row of a class and its partner the second: our query is the second view."""
    z = draw(size)
    mine = bridge(Objective(roles=split, embedding=raw, head=Pairs(dot), temperature=1.0))
    theirs = theirs_of(NPairsLoss(distance=DotProductSimilarity(normalize_embeddings=False)), instances(z))
    agree(lambda z: mine(z.flip(2)), theirs, z)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("margin", [0.1, 0.2, 1.0])
def test_batch_hard_triplets(size: tuple[int, int, int], margin: float) -> None:
    """Same triplets. Ours is the mean over all of them; theirs, by default, over those that cost something."""
    z = draw(size)
    context, labels = classes(z)
    distance = LpDistance(**SQUARED)
    mined = BatchHardMiner(distance=distance)(rows(z), labels)
    mine = Triplet(mining="batch_hard", margin=margin).build(size[-1])
    theirs = TripletMarginLoss(margin, distance=distance, reducer=MeanReducer())
    agree(lambda z: mine(z, context), theirs_of(theirs, labels, indices_tuple=mined), z)
    anchor, positive, negative = mined
    squares = distance(rows(z))
    active = (squares[anchor, positive] - squares[anchor, negative] + margin > 0).double().mean()
    default = TripletMarginLoss(margin, distance=distance, reducer=AvgNonZeroReducer())
    agree(lambda z: mine(z, context), lambda z: active * theirs_of(default, labels, indices_tuple=mined)(z), z)


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("margin", [0.1, 0.2, 1.0])
def test_semi_hard_triplets(size: tuple[int, int, int], margin: float) -> None:
    """Theirs takes every semi-hard negative of a pair, ours (and FaceNet's) the nearest of them."""
    z = draw(size)
    context, labels = classes(z)
    distance = LpDistance(**SQUARED)
    everything = TripletMarginMiner(margin, type_of_triplets="semihard", distance=distance)(rows(z), labels)
    squares, nearest = distance(rows(z)), {}
    for a, p, n in zip(*(one.tolist() for one in everything), strict=True):
        before = nearest.get((a, p), n)
        nearest[a, p] = n if squares[a, n] <= squares[a, before] else before
    chosen = [(a, p, n) for (a, p), n in nearest.items()]
    assert 0 < len(chosen) <= len(everything[0])
    mine = Triplet(mining="semi_hard", margin=margin).build(size[-1])
    theirs = TripletMarginLoss(margin, distance=distance, reducer=MeanReducer())
    triplets = tuple(torch.tensor(one) for one in zip(*chosen, strict=True))
    agree(lambda z: mine(z, context), theirs_of(theirs, labels, indices_tuple=triplets), z)
