"""learn2learn's PrototypicalClassifier on the same embeddings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge import Context, Objective, Prototypes, cosine, raw, split, squared_euclidean
from tests.parity.agreement import SIZES, Loss, agree, bridge, draw, grid

pytest.importorskip("learn2learn", reason="not installed: uv sync --extra l2l")
from learn2learn.nn import PrototypicalClassifier


def theirs_of(distance: str, shot: int, tau: float) -> Loss:
    def loss(z: Tensor) -> Tensor:
        ways = torch.arange(z.shape[1])
        support, query = z[0, :, :shot], z[0, :, shot:]
        fitted = PrototypicalClassifier(
            support.flatten(0, 1), ways.repeat_interleave(shot), distance=distance, normalize=distance == "cosine"
        )
        return F.cross_entropy(fitted(query.flatten(0, 1)) / tau, ways.repeat_interleave(query.shape[1]))

    return loss


@pytest.mark.parametrize(("size", "tau"), grid(SIZES))
def test_euclidean_prototypes(size: tuple[int, int, int], tau: float) -> None:
    """Their "euclidean" distance is squared, as in Snell et al."""
    for shot in range(1, size[1]):
        mine = Objective(roles=split, embedding=raw, head=Prototypes(squared_euclidean), temperature=tau)
        agree(bridge(mine, Context(shot=shot)), theirs_of("euclidean", shot, tau), 0.3 * draw(size))


@pytest.mark.parametrize(("size", "tau"), grid(SIZES))
def test_cosine_prototypes(size: tuple[int, int, int], tau: float) -> None:
    """They add 1e-8 to every norm: with norms of 1e8 and more nothing is left of it."""
    for shot in range(1, size[1]):
        mine = Objective(roles=split, embedding=raw, head=Prototypes(cosine), temperature=tau)
        agree(bridge(mine, Context(shot=shot)), theirs_of("cosine", shot, tau), 1e10 * draw(size))
