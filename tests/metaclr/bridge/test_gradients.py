"""gradcheck of every method's objective in float64, and the gradients of those with a part held fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from metaclr import methods
from metaclr.bridge import (
    Context,
    Decoupled,
    MovingAverage,
    Objective,
    Pairs,
    Prototypes,
    Resample,
    WithPredictor,
    decoupled,
    dot,
    leave_one_out,
    raw,
    split,
    squared_euclidean,
)
from metaclr.bridge.logits.log_sum_exp import log_sum_exp
from metaclr.bridge.losses.alignment import Alignment

WAYS, DIM = 6, 5
SMALL = {"moco": {"size": 8}, "moco_v1": {"size": 8}, "wmse": {"dims": 3}, "directclr": {"first": 3}}
SMALL |= {"byol": {"hidden": 4}, "semi_normalized": {"tasks": 4, "way": 3}, "metaoptnet": {"steps": 8}}
SMALL |= {"camelu": {"codes": 12, "width": 8, "heads": 2, "mlp": 4}}
SMALL |= {"caml": {"codes": 4, "width": 8, "head.heads": 2, "mlp": 4, "tasks.tasks": 2, "tasks.way": 3}}
SMALL |= {"snail": {"codes": 4, "filters": 4, "length": 2, "tasks.tasks": 2, "tasks.way": 3}}
SMALL |= {"relation": {"hidden": 4}, "hms": {"tasks.tasks": 4, "tasks.way": 3, "negatives.count": 4}}
SMALL |= {"moco_v3": {"hidden": 4}, "nnclr": {"hidden": 4, "size": 16}, "lejepa": {"directions": 4}}
SMALL |= {"swav": {"prototypes": 7}, "dino": {"prototypes": 7}}
SMALL |= {"cpc": {"hidden": 3, "blocks": 1, "target_dim": 2}}
# A part is held fixed: the derivative of the value is not the gradient.
HELD = {"dclw", "sogclr", "simsiam", "unisiam", "swav"}
TRAINED = [name for name in methods.names() if methods.get(name).trained and methods.get(name).learner is None]


def small(name: str) -> tuple[nn.Module, Tensor, Context]:
    """A method's objective in float64, at random parameters and with a filled queue, a batch and its context."""
    method = methods.get(name)
    settings: dict[str, Any] = dict(SMALL.get(name, {}))
    if name == "psco":
        place = "objective.terms"
        settings = {f"{place}.0.1.negatives.size": 8, f"{place}.1.1.labels.size": 8, f"{place}.1.1.labels.shots": 2}
        settings["hidden"] = 4
    module = method.objective.build(DIM, dataset_size=50, classes=3, **settings).double()
    source = torch.Generator().manual_seed(1)
    views = method.shot + method.query
    z = torch.randn(1, WAYS, views, DIM, dtype=torch.float64, generator=source)
    target = torch.randn(1, WAYS, views, DIM, dtype=torch.float64, generator=source)
    labels = torch.arange(WAYS)[None] % 3 if method.way_type == "instances" else torch.arange(WAYS)[None]
    context = Context(
        labels=labels,
        images=torch.arange(WAYS)[None],
        shot=method.shot,
        momentum_embeddings=target if method.momentum is not None else None,
    )
    module(z, context)  # fills queues and running estimates
    return module.eval(), z, context


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in HELD])
def test_gradcheck(name: str) -> None:
    module, z, context = small(name)
    parameters = [one for one in module.parameters() if one.requires_grad]

    def loss(z: Tensor, *_: Tensor) -> Tensor:
        result: Tensor = module(z, context)
        return result

    assert torch.autograd.gradcheck(loss, (z.requires_grad_(), *parameters), atol=1e-6)


@pytest.mark.parametrize("name", TRAINED)
def test_a_gradient_arrives(name: str) -> None:
    module, z, context = small(name)
    z.requires_grad_()
    loss = module.train()(z, context)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float64
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert z.grad.abs().sum() > 0
    assert all(one.grad is not None for one in module.parameters())


@pytest.mark.parametrize("same_tasks", [Resample(tasks=7, way=3)])
def test_resampled_tasks_pass_gradcheck(same_tasks: Resample) -> None:
    settings = Objective(roles=split, tasks=same_tasks, head=Prototypes(squared_euclidean), embedding=raw)
    module = settings.build(DIM).double().eval()
    z = torch.randn(2, 4, 3, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(module, (z.requires_grad_(),))


def gradient(loss: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    z = z.detach().requires_grad_()
    return torch.autograd.grad(loss(z), z)[0]


def draw(seed: int = 0) -> Tensor:
    return torch.randn(1, WAYS, 2, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_weights_of_dclw_take_no_gradient() -> None:
    z, tau, sigma = draw(), 0.3, 0.5
    unit = torch.nn.functional.normalize(z, dim=-1)[0]
    share = ((unit[:, 0] * unit[:, 1]).sum(-1) / sigma).softmax(0)
    weight = (2 - WAYS * share).repeat_interleave(2)

    def fixed(z: Tensor) -> Tensor:
        rows = torch.nn.functional.normalize(z[0], dim=-1)
        positive = (rows[:, 0] * rows[:, 1]).sum(-1).repeat_interleave(2) / tau
        others = Objective(denominator=decoupled, temperature=tau).build(DIM)(z) + positive.mean()
        return others - (weight * positive).mean()

    mine = Objective(denominator=Decoupled(sigma), temperature=tau).build(DIM)
    torch.testing.assert_close(gradient(mine, z), gradient(fixed, z), rtol=1e-10, atol=1e-12)


def test_running_weights_negatives_by_its_estimate() -> None:
    """The gradient of SogCLR is that of g / u - l^+ with u fixed, g the mean of e^l over the negatives."""
    tau, gamma = 0.5, 0.6
    context = Context(images=torch.arange(WAYS)[None])
    module = Objective(temperature=tau, denominator=MovingAverage(gamma)).build(DIM, dataset_size=WAYS).double()
    module(draw(1), context)
    before = module.denominator.log_u.exp().clone()
    z = draw()

    def terms(z: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.nn.functional.normalize(z[0], dim=-1)
        flat = rows.flatten(0, 1)
        way = torch.arange(WAYS).repeat_interleave(2)
        negative = way[:, None] != way
        g = ((flat @ flat.T / tau).exp() * negative).sum(-1) / negative.sum(-1)
        return g, (rows[:, 0] * rows[:, 1]).sum(-1).repeat_interleave(2) / tau

    u = (1 - gamma) * before.repeat_interleave(2) + gamma * terms(z)[0]

    def surrogate(z: Tensor) -> Tensor:
        g, positive = terms(z)
        return (g / u - positive).mean()

    torch.testing.assert_close(gradient(lambda z: module(z, context), z), gradient(surrogate, z), rtol=1e-9, atol=1e-12)


def test_simsiam_is_byol_with_its_own_embeddings_as_a_fixed_target() -> None:
    z = draw()
    simsiam = WithPredictor(Alignment(1.0), hidden=4, target="stop_gradient").build(DIM).double()
    byol = WithPredictor(Alignment(1.0), hidden=4).build(DIM).double()
    target = Context(momentum_embeddings=z.clone())
    torch.testing.assert_close(gradient(simsiam, z), gradient(lambda z: byol(z, target), z))


def test_log_sum_exp_is_torchs_with_zero_gradients_where_nothing_is_allowed() -> None:
    values = torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    values[1, 2:] = float("-inf")
    torch.testing.assert_close(log_sum_exp(values), values.logsumexp(-1))
    torch.testing.assert_close(
        gradient(lambda v: log_sum_exp(v).sum(), values), gradient(lambda v: v.logsumexp(-1).sum(), values)
    )
    values[1] = float("-inf")
    assert log_sum_exp(values)[1] == float("-inf")
    assert gradient(lambda v: log_sum_exp(v).nan_to_num().sum(), values)[1].eq(0).all()


def test_the_mask_past_autograd_leaves_gradients_right() -> None:
    """Own rows are masked without autograd's knowledge; the gradient is that of a masked matrix all the same."""
    z = draw()

    def masked(z: Tensor) -> Tensor:
        rows = z[0].flatten(0, 1)
        logits = (rows @ rows.T).masked_fill(torch.eye(len(rows), dtype=torch.bool), float("-inf"))
        return torch.nn.functional.cross_entropy(logits, torch.arange(len(rows)) ^ 1)

    mine = Objective(roles=leave_one_out, embedding=raw, head=Pairs(dot), temperature=1.0).build(DIM)
    torch.testing.assert_close(gradient(mine, z), gradient(masked, z), rtol=1e-12, atol=1e-12)
