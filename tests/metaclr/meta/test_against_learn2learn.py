"""Whole training steps of the batched inner loop and of learn2learn's algorithms: the same losses and weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, ViewRecipe, render
from metaclr import methods
from metaclr.networks import build_encoder

pytest.importorskip("learn2learn")

WAY, SIZE = 8, 16


def images() -> ImageSet:
    made = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (80, 1, SIZE, SIZE), generator=made).to(torch.uint8)
    return ImageSet(pixels, torch.arange(8).repeat_interleave(10), name="noise")


def plain_network() -> nn.Module:
    """A shortcut, leaky ReLU and average pooling, without a fast block."""

    class Shortcut(nn.Module):
        features = 6

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.norms = nn.ModuleList([nn.BatchNorm2d(6), nn.BatchNorm2d(6, affine=False)])

        def forward(self, pixels: Tensor) -> Tensor:
            maps = nn.functional.leaky_relu(self.norms[0](self.first(pixels)), 0.1)
            return (maps + self.norms[1](self.second(maps))).mean((2, 3))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Shortcut()


def trained(name: str, backend: str, network: str = "conv4", steps: int = 3, **settings: Any) -> dict[str, Tensor]:
    """State after `steps` Adam steps on 3 tasks each, in float64, and the losses."""
    method = methods.get(name)
    assert method.learner is not None
    encoder = build_encoder("conv4", 1, SIZE, seed=0, width=6) if network == "conv4" else plain_network()
    learner: nn.Module = method.learner(encoder, method, seed=0, settings={"backend": backend, **settings}).double()
    sampler = EpisodeSampler(images(), TaskShape(WAY, 1, 3, tasks=3), way_type="classes", labels="given", seed=0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    losses = []
    for step in range(steps):
        episode: Episode = sampler(step)
        loss, _ = learner(render(images(), episode, ViewRecipe(), seed=0).double(), episode)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    counts = ("num_batches_tracked",)  # learn2learn's clones count their own batches
    state = {key: value.clone() for key, value in learner.state_dict().items() if not key.endswith(counts)}
    return {**state, "losses": torch.stack(losses)}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("maml", {}),
        ("maml", {"inner_steps": 3, "inner_lr": 0.1}),
        ("fomaml", {"inner_steps": 2}),
        ("metasgd", {}),
        ("metasgd", {"inner_steps": 2, "first_order": True}),
        ("anil", {}),
        ("anil", {"rates": "parameter"}),
    ],
)
def test_whole_steps_are_equal(name: str, settings: dict[str, Any]) -> None:
    torch.testing.assert_close(
        trained(name, "batched", **settings), trained(name, "learn2learn", **settings), rtol=1e-6, atol=1e-6
    )


def test_another_network() -> None:
    torch.testing.assert_close(
        trained("maml", "batched", "plain", steps=1),
        trained("maml", "learn2learn", "plain", steps=1),
        rtol=1e-6,
        atol=1e-6,
    )


def test_threads_change_nothing() -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(trained("maml", "batched", steps=2))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
