"""lightly on the same embeddings: NT-Xent with and without a memory bank, DCL, DCLW, and objectives without logits.

Where its definition is another one, the test says how the two differ and checks that relation.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from metaclr.bridge import (
    Context,
    Decoupled,
    Objective,
    Pairs,
    Queue,
    decoupled,
    dot,
    first_dims,
    leave_one_out,
    split,
    swap,
    unit_norm,
)
from metaclr.bridge.losses.alignment import Alignment
from metaclr.bridge.losses.barlow_twins import BarlowTwins
from metaclr.bridge.losses.vicreg import VICReg
from metaclr.bridge.losses.w_mse import WMSE
from tests.parity.agreement import INSTALL, TEMPERATURES, TWO_VIEWS, Loss, agree, bridge, draw, grid

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")  # it would ask a server for its newest version
pytest.importorskip("lightly", reason=INSTALL)
from lightly import loss as lightly

SIMCLR = {"roles": leave_one_out, "embedding": unit_norm, "head": Pairs(dot)}


def theirs_of(loss: Any) -> Loss:
    """Their losses take the two views apart."""

    def value(z: Tensor) -> Tensor:
        found: Tensor = loss.double()(z[0, :, 0], z[0, :, 1])
        return found

    return value


@pytest.mark.parametrize(("size", "tau"), grid(TWO_VIEWS))
def test_nt_xent(size: tuple[int, int, int], tau: float) -> None:
    theirs = theirs_of(lightly.NTXentLoss(temperature=tau))
    agree(bridge(Objective(**SIMCLR, temperature=tau)), theirs, draw(size))


@pytest.mark.parametrize("size", TWO_VIEWS)
@pytest.mark.parametrize("tau", TEMPERATURES)
def test_dcl(size: tuple[int, int, int], tau: float) -> None:
    """Theirs is the mean of the two directions' means, ours the mean over all rows: the same, as both have N."""
    theirs = theirs_of(lightly.DCLLoss(temperature=tau))
    agree(bridge(Objective(**SIMCLR, temperature=tau, denominator=decoupled)), theirs, draw(size))


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
@pytest.mark.parametrize(("size", "tau"), grid(TWO_VIEWS))
@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_dclw(size: tuple[int, int, int], tau: float, sigma: float) -> None:
    """Their weights are normalized over one direction, ours over both: the same, as both hold the same positives."""
    theirs = theirs_of(lightly.DCLWLoss(temperature=tau, sigma=sigma))
    agree(bridge(Objective(**SIMCLR, temperature=tau, denominator=Decoupled(sigma))), theirs, draw(size))


def same_start(images: int, dim: int, tau: float, entries: int) -> tuple[Any, Any]:
    """Their NT-Xent with its random memory bank, and our queue filled with the same rows, oldest first."""
    torch.manual_seed(0)
    theirs = lightly.NTXentLoss(temperature=tau, memory_bank_size=(entries, dim)).double()
    mine = Objective(**{**SIMCLR, "roles": split}, temperature=tau, negatives=Queue(entries)).build(dim).double()
    mine.negatives.memory.push(theirs.memory_bank.bank)
    assert images <= entries
    return mine, theirs


@pytest.mark.parametrize("tau", TEMPERATURES)
@pytest.mark.parametrize(("images", "entries"), [(4, 4), (4, 12), (5, 40)])
def test_nt_xent_with_a_memory_bank_over_several_steps(images: int, entries: int, tau: float) -> None:
    """MoCo. Theirs starts from random rows where ours starts empty; from the same rows, they stay the same."""
    mine, theirs = same_start(images, 6, tau, entries)
    for step in range(2 * entries // images + 1):
        z, target = draw((images, 2, 6), seed=step), draw((images, 2, 6), seed=100 + step)
        context = Context(momentum_embeddings=target)
        state = {name: value.clone() for name, value in mine.state_dict().items()}
        bank = theirs.memory_bank.bank.clone()

        def loss(z: Tensor, context: Context = context) -> Tensor:
            value: Tensor = mine(z, context)
            return value

        def other(z: Tensor, target: Tensor = target) -> Tensor:
            value: Tensor = theirs(z[0, :, 1], target[0, :, 0])
            return value

        agree(loss, other, z)
        assert not torch.equal(theirs.memory_bank.bank, bank)
        assert not all(torch.equal(value, state[name]) for name, value in mine.state_dict().items())


def test_their_memory_bank_cuts_a_batch_that_does_not_fit_its_end() -> None:
    """Ten entries, batches of four: theirs drops half of the third batch and starts over, ours keeps the last ten."""
    mine, theirs = same_start(4, 6, 0.5, 10)
    pushed = []
    for step in range(3):
        z = draw((4, 2, 6), seed=step).requires_grad_()
        mine(z)
        theirs(z[0, :, 1], z[0, :, 0])
        pushed.append(torch.nn.functional.normalize(z[0, :, 0].detach(), dim=-1))
    kept, _ = mine.negatives.memory.read()
    newest = torch.cat(pushed)
    assert sorted(kept.tolist()) == sorted(newest[-10:].tolist())
    assert torch.equal(theirs.memory_bank.bank, newest[:10])
    assert int(theirs.memory_bank.bank_ptr) == 0


@pytest.mark.parametrize(("size", "tau"), grid([(6, 2, 5), (24, 2, 16)]))
def test_directclr_of_theirs_is_nt_xent_on_the_first_dimensions(size: tuple[int, int, int], tau: float) -> None:
    """Ours is the authors': symmetric InfoNCE across views, without the negatives within a view that theirs has."""
    z, first = draw(size), size[-1] - 2
    theirs = theirs_of(lightly.DirectCLRLoss(loss_dim=first, temperature=tau))
    agree(bridge(Objective(head=Pairs(dot), embedding=first_dims(first), temperature=tau)), theirs, z)
    mine = bridge(Objective(roles=swap, head=Pairs(dot), embedding=first_dims(first), temperature=tau))
    assert mine(z) < theirs(z)


@pytest.mark.parametrize("size", TWO_VIEWS)
def test_alignment_is_their_negative_cosine_similarity_plus_one(size: tuple[int, int, int]) -> None:
    mine = Alignment(weight=1.0).build(size[-1])
    cosine = lightly.NegativeCosineSimilarity()
    agree(mine, lambda z: 1 + theirs_of(cosine)(z), draw(size))


@pytest.mark.parametrize("size", TWO_VIEWS)
def test_barlow_twins(size: tuple[int, int, int]) -> None:
    mine = BarlowTwins(off_diagonal=0.0051).build(size[-1])
    agree(mine, theirs_of(lightly.BarlowTwinsLoss(lambda_param=0.0051)), draw(size))


@pytest.mark.parametrize("size", TWO_VIEWS)
def test_vicreg(size: tuple[int, int, int]) -> None:
    agree(VICReg().build(size[-1]), theirs_of(lightly.VICRegLoss()), draw(size))


@pytest.mark.parametrize("size", [(6, 2, 3), (34, 2, 16)])
def test_wmse(size: tuple[int, int, int]) -> None:
    """Their default shrinkage is 0, ours a little so that collapsed embeddings can be factorised."""
    mine = WMSE(dims=size[-1], batch=size[0], shrinkage=0.0).build(size[-1])
    theirs = lightly.WMSELoss(embedding_dim=size[-1], w_size=size[0], eps=0).double()
    agree(mine, lambda z: theirs(z[0].transpose(0, 1).flatten(0, 1)), draw(size), rtol=1e-8)
