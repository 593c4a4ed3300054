"""Every method that ships, in half precision and at extreme temperatures: float32 losses, finite gradients.

Embeddings come as bfloat16, or as float32 under bfloat16 autocast; batches are ordinary or degenerate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import Episode
from metaclr import methods
from metaclr.bridge import Context
from metaclr.errors import UserError
from metaclr.networks import build_encoder
from tests.metaclr.bridge.test_gradients import SMALL, TRAINED

WAYS, DIM = 12, 10
TEMPERATURES = [0.01, 0.07, 1.0, 100.0]
SCALED = [name for name in TRAINED if any(path.endswith("temperature") for path in methods.get(name).defaults)]
LEARNERS = [name for name in methods.names() if methods.get(name).learner]


def duplicated(z: Tensor) -> Tensor:
    """Every image twice."""
    return torch.cat([z[:, : WAYS // 2]] * 2, 1)


BATCHES: dict[str, Callable[[Tensor], Tensor]] = {
    "random": lambda z: z,
    "long": lambda z: 30 * z,
    "equal": torch.ones_like,
    "zero": torch.zeros_like,
    "opposite": lambda z: z[:, :, :1] * torch.tensor([1.0, -1.0] * z.shape[2])[: z.shape[2], None],
    "duplicated": duplicated,
    "one image": lambda z: z[:, :1],
}


def test_no_method_is_left_out() -> None:
    controls = {name for name in methods.names() if not methods.get(name).trained}
    assert {*TRAINED, *LEARNERS, *controls} == set(methods.names())
    assert len(SCALED) > len(TRAINED) / 2


def built(name: str, temperature: float | None = None) -> nn.Module:
    method = methods.get(name)
    settings: dict[str, Any] = dict(SMALL.get(name, {}))
    if name == "psco":
        place = "objective.terms"
        settings = {f"{place}.0.1.negatives.size": 8, f"{place}.1.1.labels.size": 8, "hidden": 4}
    if temperature is not None:
        paths = [path for path in method.defaults if path == "temperature" or path.endswith(".temperature")]
        settings |= dict.fromkeys(paths, temperature)
    return method.objective.build(DIM, dataset_size=50, classes=WAYS, **settings)


def context_of(name: str, z: Tensor) -> Context:
    method, ways = methods.get(name), torch.arange(z.shape[1])[None]
    target = z.detach().clone() if method.momentum is not None else None
    labels = ways if method.way_type == "classes" else ways // 2
    return Context(labels=labels, images=ways, shot=method.shot, momentum_embeddings=target)


def draw(name: str) -> Tensor:
    method = methods.get(name)
    shape = (1, WAYS, method.shot + method.query, DIM)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def trains(module: nn.Module, name: str, z: Tensor, *, autocast: bool) -> Tensor:
    """Two steps of forward and backward, whose losses and gradients must be finite; the second loss."""
    context, z = context_of(name, z), z.detach().requires_grad_()
    for _ in range(2):  # queues are empty at first
        module.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss: Tensor = module(z, context)
        assert loss.dtype == torch.float32
        assert loss.isfinite()
        if loss.requires_grad:
            loss.backward()
    assert z.grad is None or z.grad.isfinite().all()
    assert all(one.grad is None or one.grad.isfinite().all() for one in module.parameters())
    return loss


REFUSES_ONE_IMAGE = {
    "align_uniform": "uniformity needs at least 2 images",
    "barlow_twins": "Barlow Twins needs at least 2 images",
    "caml": "cannot be drawn from a batch of 1 ways",
    "hms": "cannot be drawn from a batch of 1 ways",
    "lejepa": "SIGReg needs at least 2 images",
    "swav": "SwAV needs at least 2 images",
    "semi_normalized": "cannot be drawn from a batch of 1 ways",
    "snail": "cannot be drawn from a batch of 1 ways",
    "sogclr": "no negatives in tasks of 1 way",
    "spectral": "spectral loss needs at least 2 images",
    "unisiam": "dispersion needs at least 2 images",
    "vicreg": "VICReg needs at least 2 images",
    "wmse": "needs at least 4 images in a batch, got 1",
}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("batch", BATCHES)
def test_defaults(name: str, batch: str) -> None:
    for half in (torch.bfloat16, torch.float16, torch.float32):
        z = BATCHES[batch](draw(name)).to(half)
        if batch == "one image" and name in REFUSES_ONE_IMAGE:
            with pytest.raises(UserError, match=REFUSES_ONE_IMAGE[name]):
                trains(built(name), name, z, autocast=half == torch.float32)
        else:
            trains(built(name), name, z, autocast=half == torch.float32)


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_temperatures(name: str, temperature: float) -> None:
    for batch in ("random", "long", "equal", "zero", "opposite", "duplicated"):
        z = BATCHES[batch](draw(name))
        for half in (z.bfloat16(), z):
            trains(built(name, temperature), name, half, autocast=half.dtype == torch.float32)


@pytest.mark.parametrize("name", TRAINED)
def test_autocast_changes_nothing(name: str) -> None:
    """Gradients too: what runs under autocast is float32 to the last bit."""
    found = []
    for enabled in (False, True):
        module, z = built(name), draw(name).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = module(z, context_of(name, z))
        loss.backward()
        assert z.grad is not None
        found.append((loss.detach(), z.grad, *[one.grad for one in module.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("batch", ["random", "equal", "zero", "duplicated"])
def test_learners_take_half_precision(name: str, batch: str) -> None:
    pytest.importorskip("learn2learn")
    method = methods.get(name)
    assert method.learner is not None
    assert method.way is not None
    learner = method.learner(build_encoder("conv4", 1, 16, seed=0, width=4), method, seed=0, settings={})
    pixels = torch.rand(
        1, method.way, method.shot + method.query, 1, 16, 16, generator=torch.Generator().manual_seed(0)
    )
    pixels = {"random": pixels, "equal": pixels * 0 + 1, "zero": pixels * 0}.get(batch, pixels)
    if batch == "duplicated":
        pixels = torch.cat([pixels[:, : -(-method.way // 2)]] * 2, 1)[:, : method.way]
    index = torch.arange(pixels.shape[1] * pixels.shape[2]).view(1, pixels.shape[1], -1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, metrics = learner(pixels, Episode(index, torch.zeros_like(index), index[..., 0], method.shot))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert metrics["accuracy"].isfinite()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in learner.parameters())
