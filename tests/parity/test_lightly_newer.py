"""lightly's SwAV, DINO, LeJEPA, KoLeo and nearest-neighbor bank on the same embeddings."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from metaclr.bridge import Context
from metaclr.bridge.losses.dino import DINO
from metaclr.bridge.losses.koleo import KoLeo
from metaclr.bridge.losses.sig_reg import LeJEPA, LeJEPALoss
from metaclr.bridge.losses.swav import SwAV
from tests.parity.agreement import INSTALL, agree, draw

os.environ.setdefault("LIGHTLY_DID_VERSION_CHECK", "True")  # it would ask a server for its newest version
pytest.importorskip("lightly", reason=INSTALL)
from lightly import loss as lightly
from lightly.loss.koleo_loss import KoLeoLoss
from lightly.loss.lejepa_loss import LeJEPALoss as TheirLeJEPA


def cosines(rows: Tensor, weight: Tensor) -> Tensor:
    normalize = torch.nn.functional.normalize
    return normalize(rows, dim=-1) @ normalize(weight, dim=-1).T


@pytest.mark.parametrize("size", [(6, 2, 5), (24, 4, 16)])
def test_swav(size: tuple[int, int, int]) -> None:
    """Theirs divides the two views' sum by both; later views are its low resolution."""
    mine = SwAV(prototypes=9).build(size[-1]).double().eval()
    weight: Any = next(mine.parameters()).detach()
    theirs = lightly.SwaVLoss(temperature=0.1, sinkhorn_iterations=3, sinkhorn_epsilon=0.05)

    def other(z: Tensor) -> Tensor:
        views = [cosines(z[0, :, view], weight) for view in range(size[1])]
        found: Tensor = theirs(views[:2], views[2:])
        return found.squeeze()

    agree(mine, other, draw(size), rtol=1e-6)


@pytest.mark.parametrize("size", [(6, 2, 5), (24, 4, 16)])
def test_dino(size: tuple[int, int, int]) -> None:
    mine = DINO(prototypes=9).build(size[-1]).double()
    theirs = lightly.DINOLoss(output_dim=9, warmup_teacher_temp=0.04, teacher_temp=0.04).double()
    theirs.teacher_temp_schedule = torch.full((30,), 0.04, dtype=torch.float64)  # theirs is rounded to float32
    for step in range(3):
        z, target = draw(size, seed=step), draw(size, seed=10 + step)
        weight: Any = next(mine.parameters()).detach()
        center = mine.center.clone()

        def loss(z: Tensor, center: Tensor = center, target: Tensor = target) -> Tensor:
            mine.center.copy_(center)  # type: ignore[operator]
            found: Tensor = mine(z, Context(momentum_embeddings=target))
            return found

        def other(z: Tensor, center: Tensor = center, target: Tensor = target, weight: Any = weight) -> Tensor:
            theirs.center.copy_(center.view(1, 1, -1))
            student = [cosines(z[0, :, view], weight) for view in range(size[1])]
            teacher = [cosines(target[0, :, view], weight) for view in (0, 1)]
            found: Tensor = theirs(teacher, student, epoch=0)
            return found.squeeze()

        agree(loss, other, z)
        torch.testing.assert_close(mine.center, theirs.center.flatten())


@pytest.mark.parametrize("size", [(6, 2, 5), (24, 4, 16)])
def test_lejepa(size: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Along the same directions; all views are its global ones, which its own sum does not take."""
    mine = LeJEPA(weight=0.05, directions=32).build(size[-1]).double().eval()
    assert isinstance(mine, LeJEPALoss)
    theirs = TheirLeJEPA(lambda_param=0.05, sigreg_num_vectors=32).double()
    t = torch.linspace(0, 3, 17, dtype=torch.float64)  # theirs is rounded to float32
    weights = torch.tensor([1.0, *[2.0] * 15, 1.0], dtype=torch.float64) * 3 / 16 * (-t.square() / 2).exp()
    theirs.sigreg.t, theirs.sigreg.phi, theirs.sigreg.weights = t, (-t.square() / 2).exp(), weights
    along = mine.directions(draw(size)[0, :, 0])
    monkeypatch.setattr(theirs.sigreg, "_generate_unit_vectors", lambda *_: along)

    def other(z: Tensor) -> Tensor:
        views = z[0].transpose(0, 1)
        spread = (views.mean(0) - views).square().mean()
        found: Tensor = 0.05 * theirs.sigreg(views) + 0.95 * spread
        return found

    agree(mine, other, draw(size), rtol=1e-6)


@pytest.mark.parametrize("size", [(6, 2, 5), (24, 2, 16)])
def test_koleo(size: tuple[int, int, int]) -> None:
    theirs = KoLeoLoss()
    agree(KoLeo().build(size[-1]), lambda z: (theirs(z[0, :, 0]) + theirs(z[0, :, 1])) / 2, draw(size), rtol=1e-6)
