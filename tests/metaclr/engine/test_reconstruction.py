"""The reconstruction term: its value, its gradient to the encoder, and what it is worth to a collapsed class."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from episodes import Episode
from metaclr import methods
from metaclr.engine import Learner
from metaclr.errors import UserError
from metaclr.methods import Method
from metaclr.networks import build_encoder, build_projector
from metaclr.networks.decoder import build_decoder


def learner(weight: float) -> Learner:
    encoder = build_encoder("conv4", 1, 20, seed=0, width=8)
    projector = build_projector("mlp", int(encoder.features), hidden=8, dim=6, seed=0)
    objective = methods.get("l_spread").objective.build(6)
    decoder = build_decoder(int(encoder.features), 1, 20, seed=0) if weight else None
    return Learner(encoder, projector, objective, decoder=decoder, reconstruction=weight)


def batch() -> tuple[torch.Tensor, Episode]:
    pixels = torch.rand(1, 6, 2, 1, 20, 20, generator=torch.Generator().manual_seed(1))
    index = torch.arange(6).view(1, 6, 1).expand(1, 6, 2)
    return pixels, Episode(index, torch.arange(2).expand(1, 6, 2), index[..., 0] // 2, shot=1)


def test_loss_is_the_objective_plus_the_weighted_squared_error() -> None:
    pixels, episode = batch()
    plain, weighted = learner(0.0), learner(3.0)
    without, _ = plain(pixels, episode)
    loss, _ = weighted(pixels, episode)
    rows = pixels.flatten(0, 2)
    assert weighted.decoder is not None
    again = learner(3.0)
    assert again.decoder is not None
    drawn = again.decoder(again.encoder(rows))
    assert drawn.shape == rows.shape
    torch.testing.assert_close(loss, without + 3.0 * F.mse_loss(drawn, rows))


def test_the_error_falls_and_its_gradient_reaches_the_encoder() -> None:
    pixels, episode = batch()
    module = learner(1.0)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    errors = []
    for _ in range(30):
        rows = pixels.flatten(0, 2)
        assert module.decoder is not None
        error = F.mse_loss(module.decoder(module.encoder(rows)), rows)
        optimizer.zero_grad()
        error.backward()
        assert all(one.grad is not None for one in module.encoder.parameters())
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]
    assert module(pixels, episode)[0].isfinite()


@pytest.mark.parametrize("size", [8, 28, 33, 84])
def test_a_decoder_makes_images_of_any_size(size: int) -> None:
    assert build_decoder(10, 3, size)(torch.randn(2, 10)).shape == (2, 3, size, size)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(UserError, match=r"reconstruction = -1\.0"):
        Method(summary="", reference="", reconstruction=-1.0)
