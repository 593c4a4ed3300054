"""MAML and UMTRA: the inner loop against torch.func, its limits, its memory, and both through the engine's calls."""

from __future__ import annotations

import gc
import resource
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, ViewRecipe, render
from metaclr import methods
from metaclr.errors import UserError
from metaclr.meta import task_losses
from metaclr.meta.inner_loop import InnerLoop
from metaclr.meta.settings import InnerSettings
from metaclr.networks import build_encoder


class Plain(nn.Module):
    """A small smooth network without batch norm."""

    def __init__(self, *, linear: bool = False) -> None:
        super().__init__()
        self.features = 6
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            self.layer = nn.Linear(9, 6)
        self.linear = linear

    def forward(self, pixels: Tensor) -> Tensor:
        out = self.layer(pixels.flatten(1))
        return out if self.linear else torch.tanh(out)


def learner_of(encoder: nn.Module, way: int = 3, **settings: Any) -> InnerLoop:
    chosen = {"inner_lr": 0.5, "inner_steps": 2, "first_order": False, **settings}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        return InnerLoop(encoder, way, InnerSettings(**chosen))


def batch(tasks: int, way: int, views: int, size: int = 3, shot: int = 2) -> tuple[Tensor, Episode]:
    pixels = torch.rand(
        tasks, way, views, 1, size, size, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    index = torch.arange(tasks * way * views).view(tasks, way, views)
    return pixels, Episode(index, torch.zeros_like(index), index[..., 0], shot)


def reference(learner: InnerLoop, pixels: Tensor, shot: int) -> Tensor:
    """MAML in plain torch.func, one task at a time."""
    net = nn.Sequential(learner.encoder, learner.head)
    start = dict(net.named_parameters())

    def loss(weights: dict[str, Tensor], images: Tensor) -> Tensor:
        target = torch.arange(images.shape[0]).repeat_interleave(images.shape[1])
        return F.cross_entropy(functional_call(net, weights, (images.flatten(0, 1),)), target)

    losses = []
    for task in pixels:
        weights = start
        for _ in range(learner.settings.inner_steps):
            slope = grad(loss)(weights, task[:, :shot])
            weights = {
                name: w
                - learner.settings.inner_lr * (slope[name].detach() if learner.settings.first_order else slope[name])
                for name, w in weights.items()
            }
        losses.append(loss(weights, task[:, shot:]))
    return torch.stack(losses).mean()


def value_and_gradient(loss: Tensor, learner: InnerLoop) -> tuple[Tensor, list[Tensor]]:
    return loss.detach(), [g.clone() for g in torch.autograd.grad(loss, list(learner.parameters()))]


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_value_and_meta_gradient_equal_torch_func(first_order: bool, steps: int) -> None:
    learner = learner_of(Plain(), inner_steps=steps, first_order=first_order).double()
    pixels, episode = batch(2, 3, 5)
    ours = value_and_gradient(learner(pixels, episode)[0], learner)
    theirs = value_and_gradient(reference(learner, pixels, 2), learner)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_second_order_through_batch_norm_equals_torch_func() -> None:
    """The short cut of Conv-4's first block is inside the inner loop too."""
    encoder = build_encoder("conv4", 1, 16, seed=0, width=3)
    learner = learner_of(encoder, inner_steps=1).double()
    pixels, episode = batch(1, 3, 4, size=16)
    ours = value_and_gradient(learner(pixels, episode)[0], learner)
    for block in encoder.blocks:  # torch.func refuses running statistics that change in place
        block.norm.track_running_stats, block.norm.running_mean, block.norm.running_var = False, None, None
    theirs = value_and_gradient(reference(learner, pixels, 2), learner)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


def test_order_of_tasks_and_of_views_in_a_role_does_not_matter() -> None:
    """The order of ways does: each has its own output of the head."""
    learner = learner_of(Plain()).double()
    pixels, episode = batch(3, 3, 5)
    mixed = pixels[[2, 0, 1]][:, :, [1, 0, 4, 2, 3]]
    values = [value_and_gradient(learner(images, episode)[0], learner) for images in (pixels, mixed)]
    torch.testing.assert_close(*values, rtol=1e-10, atol=1e-12)


def test_no_inner_step_is_the_plain_loss() -> None:
    learner = learner_of(Plain(), inner_steps=0).double()
    pixels, episode = batch(2, 3, 5)
    queries = pixels[:, :, 2:].flatten(0, 2)
    plain = F.cross_entropy(learner.head(learner.encoder(queries)), torch.arange(3).repeat_interleave(3).repeat(2))
    torch.testing.assert_close(
        value_and_gradient(learner(pixels, episode)[0], learner), value_and_gradient(plain, learner)
    )


def test_first_order_is_second_order_when_the_inner_loss_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    def linear_loss(out: Tensor, target: Tensor) -> Tensor:
        return out.sum() + 0.5 * out.square().sum() * (len(target) == 9)

    monkeypatch.setattr(task_losses, "cross_entropy", linear_loss)  # support (6 rows) linear, queries (9) not
    pixels, episode = batch(2, 3, 5)
    results = []
    for first_order in (True, False):
        learner = learner_of(Fixed(), first_order=first_order, inner_lr=0.01).double()
        results.append(value_and_gradient(learner(pixels, episode)[0], learner))
    torch.testing.assert_close(*results)


class Fixed(nn.Module):
    """Fixed features: all that is learned, the head, enters linearly."""

    features = 9

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1)


def test_adapting_helps_and_leaves_the_start_as_it_is() -> None:
    learner = learner_of(Plain(), inner_steps=5).double()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    pixels, episode = batch(1, 3, 4)
    pixels[:, :, 2:] = pixels[:, :, :2]
    adapted, _ = learner(pixels, episode)
    unadapted, _ = learner_of(Plain(), inner_steps=0).double()(pixels, episode)
    assert adapted < unadapted
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_running_statistics_are_those_of_the_unadapted_encoder_on_the_whole_batch() -> None:
    encoder = build_encoder("conv4", 1, 16, seed=0, width=3).double()
    twin = build_encoder("conv4", 1, 16, seed=0, width=3).double()
    pixels, episode = batch(2, 3, 4, size=16)
    learner_of(encoder).double()(pixels, episode)
    twin(pixels.flatten(0, 2))
    for block, other in zip(encoder.blocks, twin.blocks, strict=True):
        torch.testing.assert_close(block.norm.running_mean, other.norm.running_mean)
        torch.testing.assert_close(block.norm.running_var, other.norm.running_var)
        assert block.norm.momentum == 0.1


def test_frozen_parameters_stay_out_of_the_inner_loop() -> None:
    learner = learner_of(Plain()).double()
    learner.encoder.requires_grad_(False)
    pixels, episode = batch(2, 3, 5)
    learner(pixels, episode)[0].backward()
    assert learner.encoder.layer.weight.grad is None
    assert learner.head.weight.grad is not None


def test_loss_can_be_scaled_like_any_other() -> None:
    learner = learner_of(Plain()).double()
    pixels, episode = batch(2, 3, 5)
    once = value_and_gradient(learner(pixels, episode)[0], learner)[1]
    thrice = value_and_gradient(3 * learner(pixels, episode)[0], learner)[1]
    torch.testing.assert_close([3 * g for g in once], thrice)


def images(classes: int = 10, each: int = 6, size: int = 16) -> ImageSet:
    generator = torch.Generator().manual_seed(3)
    base = torch.randint(0, 200, (classes, 1, 1, size, size), generator=generator)
    noise = torch.randint(0, 55, (classes, each, 1, size, size), generator=generator)
    labels = torch.arange(classes).repeat_interleave(each)
    return ImageSet((base + noise).to(torch.uint8).flatten(0, 1), labels, name="blobs")


@pytest.mark.parametrize("name", ["maml", "umtra"])
def test_learns_through_the_engines_calls(name: str) -> None:
    method = methods.get(name)
    assert method.learner is not None
    assert method.way is not None
    encoder = build_encoder("conv4", 1, 16, seed=0, width=8)
    learner = method.learner(encoder, method, seed=0, settings={"inner_lr": 0.1})
    shape = TaskShape(method.way, method.shot, method.query, tasks=2)
    sampler = EpisodeSampler(images(), shape, way_type=method.way_type, labels=method.labels, seed=0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    losses = []
    for step in range(24):
        episode = sampler(step)
        loss, metrics = learner(render(images(), episode, ViewRecipe(), seed=0), episode)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    assert metrics["accuracy"].shape == ()
    assert learner.encoder is encoder


def test_start_is_a_function_of_the_seed_and_its_state_can_be_restored() -> None:
    method = methods.get("maml")
    assert method.learner is not None
    build = [
        method.learner(build_encoder("conv4", 1, 16, seed=seed, width=4), method, seed=seed, settings={})
        for seed in (0, 0, 1)
    ]
    states = [learner.state_dict() for learner in build]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])
    build[2].load_state_dict(states[0])
    pixels, episode = batch(1, 8, 4, size=16)
    losses = [learner(pixels.float(), episode)[0] for learner in (build[0], build[2])]
    assert torch.equal(*losses)


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("network", ["conv4", "perceptron of 500 steps"])
def test_memory_reaches_a_plateau(network: str, first_order: bool) -> None:
    """learn2learn #284: a loop that keeps its clones' graphs grows by a graph each step."""
    size = 16 if network == "conv4" else 3
    encoder = build_encoder("conv4", 1, 16, seed=0, width=8) if network == "conv4" else Plain()
    learner = learner_of(encoder, inner_steps=2, first_order=first_order)
    pixels, episode = batch(2, 3, 6, size=size)
    pixels = pixels.float()

    def step() -> None:
        learner(pixels, episode)[0].backward()
        learner.zero_grad()

    def tensors() -> int:
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    for _ in range(3):
        step()
    gc.disable()  # what only the collector frees would count as a leak: it can hold a GPU's memory for long
    try:
        gc.collect()
        before, peak = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(15 if network == "conv4" else 500):
            step()
        assert tensors() <= before
        unit = 1 if sys.platform == "darwin" else 1024
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * unit < 64 << 20
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inner_lrs": 0.1}, "did you mean 'inner_lr'"),
        ({"inner_lr": -1}, "inner_lr = -1"),
        ({"inner_lr": float("nan")}, "inner_lr = nan"),
        ({"inner_steps": 1.5}, "inner_steps = 1.5"),
        ({"first_order": "yes"}, "first_order = 'yes'"),
    ],
)
def test_refuses_in_one_line(settings: dict[str, Any], message: str) -> None:
    method = methods.get("maml")
    assert method.learner is not None
    with pytest.raises(UserError) as error:
        method.learner(Plain(), method, seed=0, settings=settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_refuses_tasks_of_another_shape() -> None:
    learner = learner_of(Plain()).double()
    with pytest.raises(UserError, match="tasks of 4 ways for a head of 3 outputs"):
        learner(*batch(1, 4, 5))
    with pytest.raises(UserError, match="an inner loop on 2 views needs 1 to 1"):
        learner(*batch(1, 3, 2))


def test_missing_learn2learn_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "learn2learn", None)
    with pytest.raises(UserError, match=r"uv pip install '.\[l2l\]' in a checkout"):
        learner_of(Plain(), backend="learn2learn")
