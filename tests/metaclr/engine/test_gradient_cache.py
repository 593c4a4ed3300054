"""Gradient caching: loss and gradients of the whole batch from chunks; what batch norm and dropout do in them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import Episode
from metaclr import methods
from metaclr.engine.gradient_cache import cached_forward_backward, check_learner
from metaclr.engine.learner import Learner
from metaclr.engine.step import forward_backward
from metaclr.errors import UserError
from metaclr.methods.tricks import Tricks

METHODS = ["simclr", "dcl", "sogclr", "moco", "byol", "nnclr", "swav", "dino", "lejepa", "vicreg"]
PLAIN = torch.autocast("cpu", enabled=False)
SMALL = {"moco": {"size": 16}, "byol": {"hidden": 8}, "dino": {"prototypes": 9}, "nnclr": {"size": 16, "hidden": 8}}


def encoder(norm: Callable[[int], nn.Module], dropout: float = 0.0) -> nn.Sequential:
    layers = [nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * 36, 6)]
    return nn.Sequential(*layers)


def built(name: str, norm: Callable[[int], nn.Module], tricks: Tricks | None = None, dropout: float = 0.0) -> Learner:
    from metaclr.engine.extra_views import ExtraViews

    method = methods.get(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objective = method.objective.build(6, dataset_size=40, **SMALL.get(name, {}))
        extra = ExtraViews(tricks, 6, seed=0) if tricks else None
        network = encoder(norm, dropout)
        options: dict[str, Any] = {"momentum": method.momentum, "dataset_size": 40, "extra_views": extra}
        return Learner(network, nn.Identity(), objective, **options).double().train()


def batch(name: str, seed: int = 0) -> tuple[Tensor, Episode]:
    method, source = methods.get(name), torch.Generator().manual_seed(seed)
    pixels = torch.rand(1, 10, method.v, 1, 8, 8, dtype=torch.float64, generator=source)
    images = torch.randperm(40, generator=source)[:10].view(1, 10, 1).expand(1, 10, method.v).contiguous()
    return pixels, Episode(images, torch.zeros_like(images), images[..., 0], method.shot, step=seed)


def gradients(learner: Learner) -> dict[str, Tensor]:
    return {name: one.grad.clone() for name, one in learner.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("chunk", [1, 7, 16])
@pytest.mark.parametrize(
    "name", ["simclr", "dcl", "sogclr", "moco", "byol", "nnclr", "swav", "dino", "lejepa", "vicreg"]
)
def test_two_steps_are_those_of_the_whole_batch(name: str, chunk: int) -> None:
    whole, cached = (built(name, lambda c: nn.GroupNorm(2, c)) for _ in range(2))
    for step in range(2):
        pixels, episode = batch(name, step)
        loss, metrics = forward_backward(whole, pixels, episode, PLAIN)
        other, found = forward_backward(cached, pixels, episode, PLAIN, chunk)
        torch.testing.assert_close(other, loss, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(found, metrics, rtol=1e-10, atol=1e-12)
        assert gradients(whole).keys() == gradients(cached).keys()
        torch.testing.assert_close(gradients(cached), gradients(whole), rtol=1e-9, atol=1e-12)
        for learner in (whole, cached):
            learner.after_step(step + 1, 4)
    torch.testing.assert_close(cached.state_dict(), whole.state_dict(), rtol=1e-9, atol=1e-12)


def test_extra_views_go_through_the_cache() -> None:
    tricks = Tricks(rotation_loss=0.5, query_mix="both", koleo=0.1)
    whole, cached = (built("simclr", lambda c: nn.GroupNorm(2, c), tricks) for _ in range(2))
    pixels, episode = batch("simclr")
    loss, _ = forward_backward(whole, pixels, episode, PLAIN)
    other, _ = forward_backward(cached, pixels, episode, PLAIN, 6)
    torch.testing.assert_close(other, loss, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradients(cached), gradients(whole), rtol=1e-9, atol=1e-12)


def test_batch_norm_sees_a_chunk_and_moves_once_for_each() -> None:
    cached = built("simclr", nn.BatchNorm2d)
    by_hand = deepcopy(cached)
    pixels, episode = batch("simclr")
    loss, _ = cached_forward_backward(cached, pixels, episode, PLAIN, 8)
    rows = pixels.flatten(0, 2)
    embeddings = torch.cat([by_hand.encoder(part) for part in rows.split(8)])
    expected, _ = by_hand.loss(embeddings, None, by_hand.batch(pixels, episode), episode)
    expected.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradients(cached), gradients(by_hand), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(cached.state_dict(), by_hand.state_dict())
    assert int(cached.state_dict()["encoder.1.num_batches_tracked"]) == 3
    whole, _ = forward_backward(built("simclr", nn.BatchNorm2d), pixels, episode, PLAIN)
    assert not torch.isclose(whole, loss, rtol=1e-6)


def test_dropout_draws_the_same_numbers_in_both_passes() -> None:
    cached = built("simclr", lambda c: nn.GroupNorm(2, c), dropout=0.5)
    by_hand = deepcopy(cached)
    pixels, episode = batch("simclr")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        cached_forward_backward(cached, pixels, episode, PLAIN, 8)
        torch.manual_seed(3)
        embeddings = torch.cat([by_hand.encoder(part) for part in pixels.flatten(0, 2).split(8)])
        loss, _ = by_hand.loss(embeddings, None, by_hand.batch(pixels, episode), episode)
        loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gradients(cached), gradients(by_hand), rtol=1e-9, atol=1e-12)


def test_a_learner_of_its_own_is_refused() -> None:
    with pytest.raises(UserError, match="chunk_views works on embeddings"):
        check_learner(nn.Linear(2, 2))
