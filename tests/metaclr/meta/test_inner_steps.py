"""The steps by hand: rates of a layer and step, the multi-step loss, its annealing, and first-order warm-up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from episodes import Episode
from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.comparison.runs.own_procedure import own_procedure
from metaclr.errors import UserError
from metaclr.meta.inner_loop import InnerLoop
from metaclr.meta.multi_step import step_weights
from metaclr.meta.settings import InnerSettings
from metaclr.methods import get
from metaclr.networks import build_encoder

WAY, SHOT, VIEWS, SIZE = 3, 2, 4, 16


def learner_of(**settings: Any) -> InnerLoop:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_encoder("conv4", 1, SIZE, seed=0, width=4)
        return InnerLoop(encoder, WAY, InnerSettings(**{"inner_lr": 0.3, "inner_steps": 3, **settings})).double()


def batch(tasks: int = 2) -> tuple[Tensor, Episode]:
    made = torch.Generator().manual_seed(1)
    pixels = torch.rand(tasks, WAY, VIEWS, 1, SIZE, SIZE, generator=made, dtype=torch.float64)
    index = torch.zeros(tasks, WAY, VIEWS, dtype=torch.int64)
    return pixels, Episode(index, index, index[..., 0], SHOT)


def by_hand(learner: InnerLoop, pixels: Tensor, rates: Tensor, counted: list[float], *, second: bool = True) -> Tensor:
    """Mean over tasks of the weighted query losses after each step; the support's graph is kept if `second`."""
    net = nn.Sequential(learner.encoder, learner.head)
    of_support, of_query = (torch.arange(WAY).repeat_interleave(n) for n in (SHOT, VIEWS - SHOT))
    total = torch.zeros((), dtype=torch.float64)
    for task in pixels:
        weights = dict(net.named_parameters())
        for step, weight in enumerate(counted):
            loss = F.cross_entropy(functional_call(net, weights, (task[:, :SHOT].flatten(0, 1),)), of_support)
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=second)
            weights = {
                name: value - rates[i, step] * slope
                for i, ((name, value), slope) in enumerate(zip(weights.items(), slopes, strict=True))
            }
            query = functional_call(net, weights, (task[:, SHOT:].flatten(0, 1),))
            total = total + weight * F.cross_entropy(query, of_query) / len(pixels)
    return total


def gradients(loss: Tensor, learner: InnerLoop) -> list[Tensor]:
    return [loss.detach(), *torch.autograd.grad(loss, [*learner.encoder.parameters(), *learner.head.parameters()])]


@pytest.mark.parametrize(("progress", "counted"), [(0.0, [1 / 3] * 3), (0.25, [1 / 6, 1 / 6, 2 / 3]), (0.5, [0, 0, 1])])
def test_multi_step_loss_and_rates_by_layer_and_step(progress: float, counted: list[float]) -> None:
    learner = learner_of(rates="layer_step", multi_step=0.5)
    assert learner.rates is not None
    rates = learner.rates.values
    with torch.no_grad():
        rates.copy_(torch.rand(rates.shape, generator=torch.Generator().manual_seed(2)).double() / 2)
    learner.after_step(round(100 * progress), 100)
    pixels, episode = batch()
    ours = learner(pixels, episode)[0]
    hand = by_hand(learner, pixels, rates, counted)
    of_rates = [torch.autograd.grad(loss, rates, retain_graph=True)[0] for loss in (ours, hand)]
    torch.testing.assert_close(*of_rates, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(gradients(ours, learner), gradients(hand, learner), rtol=1e-9, atol=1e-11)


def test_first_order_until_half_of_the_training() -> None:
    learner, plain = learner_of(first_order_until=0.5), learner_of()
    pixels, episode = batch()
    rates = torch.full((20, 3), 0.3, dtype=torch.float64)
    for done, second in ((49, False), (50, True)):
        learner.after_step(done, 100)
        hand = by_hand(plain, pixels, rates, [0, 0, 1], second=second)
        torch.testing.assert_close(
            gradients(learner(pixels, episode)[0], learner), gradients(hand, plain), rtol=1e-9, atol=1e-11
        )


def test_gradcheck_of_a_smooth_network() -> None:
    """The gradient by finite differences of the whole outer loss, rates included."""

    class Smooth(nn.Module):
        features = 4

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(9, 4)

        def forward(self, pixels: Tensor) -> Tensor:
            return torch.tanh(self.layer(pixels.flatten(1)))

    torch.manual_seed(0)
    learner = InnerLoop(Smooth(), WAY, InnerSettings(inner_lr=0.4, inner_steps=2, rates="parameter")).double()
    pixels, episode = batch(1)
    pixels = pixels[..., :3, :3].contiguous()
    names, values = zip(*learner.named_parameters(), strict=True)

    def outer(*given: Tensor) -> Tensor:
        with torch.no_grad():
            for parameter, value in zip(values, given, strict=True):
                parameter.copy_(value)
        return learner(pixels, episode)[0].detach()

    found = torch.autograd.grad(learner(pixels, episode)[0], values)
    start = [value.detach().clone() for value in values]
    for which, (name, gradient) in enumerate(zip(names, found, strict=True)):
        flat = gradient.flatten()
        for entry in range(0, len(flat), max(1, len(flat) // 5)):
            step = torch.zeros_like(flat)
            step[entry] = 1e-5
            sides = [
                outer(*[v + sign * step.view_as(v) if i == which else v for i, v in enumerate(start)])
                for sign in (1, -1)
            ]
            assert float((sides[0] - sides[1]) / 2e-5) == pytest.approx(float(flat[entry]), rel=1e-5, abs=1e-8), name


def test_step_weights() -> None:
    """AntreasAntoniou/HowToTrainYourMAMLPytorch: 5 steps, 10 epochs with all of them."""
    for epoch in range(10):
        weights = step_weights(5, epoch / 100, 0.1)
        early = max(1 / 5 - epoch / 5 / 10, 0.03 / 5)
        assert weights == pytest.approx([*[early] * 4, min(1 / 5 + epoch * 4 / 5 / 10, 1 - 4 * 0.03 / 5)])
        assert sum(weights) == pytest.approx(1)
    assert step_weights(5, 0.1, 0.1) == [0, 0, 0, 0, 1]
    assert step_weights(0, 0.0, 0.5) == []


def test_support_statistics_are_the_same_in_training_and_testing() -> None:
    """Its query loss is that of the test-time procedure on the same task, and a query does not see the others."""
    from episodes import EpisodeTable, ImageSet

    learner = learner_of(statistics="support", test_steps=3)
    made = torch.Generator().manual_seed(1)
    stored = ImageSet(
        torch.randint(0, 256, (12, 1, SIZE, SIZE), generator=made).to(torch.uint8), torch.arange(3).repeat_interleave(4)
    )
    index = torch.arange(12).view(1, 3, 4)
    pixels = stored.images[index].double() / 255
    loss, _ = learner(pixels, Episode(index, torch.zeros_like(index), index[..., 0], SHOT))
    procedure = own_procedure(get("maml"), learner)
    assert isinstance(procedure, AdaptedEncoder)
    table = EpisodeTable(index[:, :, :SHOT], index[:, :, SHOT:], stored.fingerprint(), 0)
    (logits,) = procedure.episode_logits(torch.zeros(12, 4).double(), stored, table)
    tested = F.cross_entropy(logits[0], torch.arange(3).repeat_interleave(2))
    torch.testing.assert_close(loss.detach(), tested, rtol=1e-9, atol=1e-9)


def test_statistics_of_each_step_are_recorded_and_used_at_test_time() -> None:
    learner = learner_of(statistics="per_step")
    assert learner.step_statistics is not None
    pixels, episode = batch(1)
    net, task = nn.Sequential(learner.encoder, learner.head), pixels[0]
    learner(pixels, episode)
    first = learner.encoder.blocks[0].conv(task[:, :SHOT].flatten(0, 1))  # type: ignore[operator, index, union-attr]
    mean, variance = learner.step_statistics.at(0)[0]
    torch.testing.assert_close(mean, 0.1 * first.mean((0, 2, 3)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(variance, 0.9 + 0.1 * first.var((0, 2, 3), correction=0), rtol=1e-6, atol=1e-6)
    assert learner.step_statistics.values.shape == (4, 2, 16)
    assert "step_statistics.values" in learner.state_dict()
    procedure = own_procedure(get("maml"), learner)
    assert isinstance(procedure, AdaptedEncoder)
    assert procedure.statistics == "per_step"
    assert "the step's running statistics" in procedure.description
    assert net is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapt": "body"}, "unknown adapt 'body'"),
        ({"adapt": "head", "statistics": "support"}, "adapt = 'head' adapts no norm"),
        ({"backend": "learn2learn", "multi_step": 0.1}, "multi_step = 0.1: learn2learn does not have it"),
        ({"backend": "learn2learn", "rates": "layer_step"}, "rates = 'layer_step': learn2learn does not have it"),
        ({"multi_step": 1.5}, "multi_step = 1.5: a number of at least 0 and at most 1"),
        ({"test_steps": -1}, "test_steps = -1"),
    ],
)
def test_refuses_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        InnerSettings(**settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
