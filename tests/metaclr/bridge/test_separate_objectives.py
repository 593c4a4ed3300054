"""Objectives without class logits against their slow loop versions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge import Context, WithPredictor
from metaclr.bridge.losses.align_uniform import AlignUniform
from metaclr.bridge.losses.alignment import Alignment
from metaclr.bridge.losses.barlow_twins import EPSILON as BARLOW_EPSILON
from metaclr.bridge.losses.barlow_twins import BarlowTwins
from metaclr.bridge.losses.contrastive_margin import Siamese
from metaclr.bridge.losses.spectral import Spectral
from metaclr.bridge.losses.supervised import Supervised
from metaclr.bridge.losses.triplet import Triplet
from metaclr.bridge.losses.vicreg import EPSILON as VICREG_EPSILON
from metaclr.bridge.losses.vicreg import VICReg
from metaclr.bridge.losses.w_mse import WMSE
from metaclr.errors import UserError
from tests import reference


def draw(ways: int, views: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(1, ways, views, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(mine: Tensor, theirs: float) -> None:
    assert mine.item() == pytest.approx(theirs, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("views", [2, 3])
def test_alignment(views: int) -> None:
    z, target = draw(4, views, 3), draw(4, views, 3, seed=1)
    loss = Alignment(weight=2.0).build(3)
    close(loss(z, Context(momentum_embeddings=target)), reference.alignment_loss(z[0], target[0], 2.0))
    close(loss(z), reference.alignment_loss(z[0], z[0], 2.0))


def test_predicted_puts_queries_only_through_the_predictor() -> None:
    z, target = draw(6, 2, 3), draw(6, 2, 3, seed=1)
    byol = WithPredictor(Alignment(2.0), hidden=5).build(3).double()
    predicted = byol.predictor(z.flatten(0, 2)).reshape(z.shape).detach()
    close(byol(z, Context(momentum_embeddings=target)), reference.alignment_loss(predicted[0], target[0], 2.0))
    simsiam = WithPredictor(Alignment(1.0), hidden=5, target="stop_gradient").build(3, seed=0).double()
    close(simsiam(z), reference.alignment_loss(predicted[0], z[0], 1.0))  # the same seed, the same predictor
    with pytest.raises(UserError, match=r"Context\.momentum_embeddings"):
        byol(z)


@pytest.mark.parametrize("views", [2, 3])
def test_barlow_twins(views: int) -> None:
    z = draw(7, views, 3)
    close(BarlowTwins(0.05).build(3)(z), reference.barlow_twins(z[0], 0.05, BARLOW_EPSILON))


def test_vicreg() -> None:
    z = draw(7, 2, 3)
    close(VICReg(3.0, 5.0, 2.0).build(3)(z), reference.vicreg(z[0], (3.0, 5.0, 2.0), VICREG_EPSILON))


def test_wmse() -> None:
    z = draw(20, 2, 4)
    close(WMSE(dims=4, batch=128, shrinkage=0.1).build(4)(z), reference.wmse(z[0], 0.1))
    close(WMSE(dims=3, batch=128, shrinkage=0.0).build(4)(z), reference.wmse(z[0, :, :, :3], 0.0))
    halves = [reference.wmse(z[0, part], 0.1) for part in (slice(0, 10), slice(10, 20))]
    close(WMSE(dims=4, batch=10, shrinkage=0.1).build(4)(z), sum(halves) / 2)


@pytest.mark.parametrize("radius", [0.5, 100.0])
def test_spectral(radius: float) -> None:
    z = draw(5, 2, 3)
    close(Spectral(radius).build(3)(z), reference.spectral(z[0], radius))


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_align_uniform(alpha: float) -> None:
    z = draw(6, 2, 3)
    close(AlignUniform(alpha=alpha, t=2.0).build(3)(z), reference.align_uniform(reference.unit(z[0]), alpha, 2.0))


@pytest.mark.parametrize("mining", ["semi_hard", "batch_hard"])
@pytest.mark.parametrize("margin", [0.1, 0.5, 3.0])
def test_triplet(mining: str, margin: float) -> None:
    z, labels = draw(6, 2, 3), [0, 1, 0, 2, 1, 0]
    loss = Triplet(mining=mining, margin=margin).build(3)  # type: ignore[arg-type]
    theirs = reference.triplet(reference.unit(z[0]), labels, margin, mining)
    close(loss(z, Context(labels=torch.tensor([labels]))), theirs)
    own_ways = Triplet(mining=mining, margin=margin, labels="instance").build(3)  # type: ignore[arg-type]
    theirs = reference.triplet(reference.unit(z[0]), list(range(6)), margin, mining)
    close(own_ways(z, Context(labels=torch.tensor([labels]))), theirs)


def test_siamese() -> None:
    z, labels = draw(6, 2, 3), [0, 1, 0, 2, 1, 0]
    loss = Siamese(margin=1.0).build(3)
    close(loss(z, Context(labels=torch.tensor([labels]))), reference.siamese(reference.unit(z[0]), labels, 1.0))


def test_supervised() -> None:
    z, labels = draw(5, 2, 3), torch.tensor([[0, 3, 1, 3, 2]])
    loss = Supervised().build(3, classes=4).double()
    logits = loss.linear(z.flatten(0, 2)).tolist()
    close(loss(z, Context(labels=labels)), reference.cross_entropy(logits, labels[0].repeat_interleave(2).tolist()))
    assert 0 <= loss.accuracy.item() <= 1
    with pytest.raises(UserError, match="number of classes"):
        Supervised().build(3)
    with pytest.raises(UserError, match="labels"):
        loss(z)


def test_tasks_are_pooled() -> None:
    z = torch.cat([draw(4, 2, 3, seed=seed) for seed in range(2)])
    pooled = z.reshape(1, 8, 2, 3)
    for spec in (Alignment(), BarlowTwins(), VICReg(), Spectral(), AlignUniform(), WMSE(dims=3)):
        loss = spec.build(3)
        torch.testing.assert_close(loss(z), loss(pooled))


def test_whitened_rows_have_the_identity_as_covariance() -> None:
    from metaclr.bridge.losses.w_mse import whitened

    white = whitened(draw(50, 1, 4)[0, :, 0], 0.0)
    torch.testing.assert_close(white.T.cov(), torch.eye(4, dtype=torch.float64))
    assert F.normalize(white).isfinite().all()
