"""MAML's inner loop at test time: against learn2learn, autograd by hand, and what it must not look at."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import TaskShape, sample_table, to_float
from metaclr import methods
from metaclr.adaptation.adapted_encoder import AdaptedEncoder, adapted_linear
from metaclr.adaptation.adapted_episode import AdaptedEpisode
from metaclr.comparison.runs.own_procedure import own_procedure
from metaclr.errors import UserError
from metaclr.evaluation import features
from metaclr.evaluation.few_shot import few_shot_of_procedure
from metaclr.meta.networks import Networks
from metaclr.meta.support_norm import with_support_norm
from metaclr.networks import build_encoder
from tests.metaclr.evaluation.evaluate_data import blobs

WAY, SHOT, QUERY = 4, 2, 3
IMAGES = blobs(8, 10, size=16)
TABLE = sample_table(IMAGES, TaskShape(WAY, SHOT, QUERY), 6, seed=1)


def network(way: int = WAY, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Linear]:
    encoder = build_encoder("conv4", 1, 16, seed=0, width=6).to(dtype)
    made = torch.Generator().manual_seed(3)
    for norm in (m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean = 0.1 * torch.randn(6, generator=made, dtype=dtype)  # type: ignore[assignment]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return encoder, nn.Linear(6, way).to(dtype)


def logits_of(procedure: AdaptedEncoder, table: Any = TABLE) -> Tensor:
    return torch.cat([*procedure.episode_logits(features(procedure.encoder, IMAGES, precision="fp64"), IMAGES, table)])


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_equals_learn2learns_inner_loop(steps: int) -> None:
    """Its clone and adapt on every episode, batch norm by running statistics."""
    l2l = pytest.importorskip("learn2learn")
    encoder, head = network()
    mine = logits_of(AdaptedEncoder(encoder, head, 0.3, steps, statistics="running"))
    model = nn.Sequential(encoder.eval(), head)
    target = torch.arange(WAY).repeat_interleave(SHOT)
    for support, query, logits in zip(TABLE.support, TABLE.query, mine, strict=True):
        learner = l2l.algorithms.MAML(model, lr=0.3).clone()
        for _ in range(steps):
            learner.adapt(F.cross_entropy(learner(to_float(IMAGES.images[support.flatten()]).double()), target))
        theirs = learner(to_float(IMAGES.images[query.flatten()]).double()).detach()
        torch.testing.assert_close(logits, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("statistics", ["support", "running"])
def test_vmap_over_episodes_is_each_alone(statistics: Literal["support", "running"]) -> None:
    """What a GPU runs is what a CPU runs."""
    encoder, head = network()
    procedure = AdaptedEncoder(encoder, head, 0.3, 2, statistics=statistics)
    support, query = (to_float(IMAGES.images[t.flatten(1)]).double() for t in (TABLE.support, TABLE.query))
    together = AdaptedEpisode(procedure, WAY, SHOT).logits_of_many(Networks(encoder)(1)[0], support, query)
    torch.testing.assert_close(together, logits_of(procedure), rtol=1e-9, atol=1e-9)


def test_support_statistics_are_those_of_training_mode() -> None:
    encoder, _ = network()
    pixels = to_float(IMAGES.images[:9]).double()
    copy, norms = with_support_norm(encoder)
    for norm in norms:
        norm.n_support = len(pixels)
    torch.testing.assert_close(copy(pixels), encoder.train()(pixels), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("statistics", ["support", "running"])
def test_is_inductive_and_leaves_the_encoder_as_it_was(statistics: Literal["support", "running"]) -> None:
    encoder, head = network()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    procedure = AdaptedEncoder(encoder, head, 0.3, 2, statistics=statistics)
    whole = logits_of(procedure).view(6, WAY, QUERY, WAY)
    first = type(TABLE)(TABLE.support, TABLE.query[..., :1], TABLE.fingerprint, TABLE.seed)
    torch.testing.assert_close(logits_of(procedure, first).view(6, WAY, WAY), whole[:, :, 0], rtol=1e-9, atol=1e-9)
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert not procedure.transductive


def test_head_alone_is_autograd() -> None:
    made = torch.Generator().manual_seed(0)
    support = torch.randn(3, WAY, SHOT, 5, dtype=torch.float64, generator=made)
    weight, bias = torch.randn(3, WAY, 5, dtype=torch.float64, generator=made), torch.zeros(3, WAY).double()
    fitted = adapted_linear(weight, bias, support, 0.3, 4)
    target = torch.arange(WAY).repeat_interleave(SHOT)
    for e in range(3):
        w, b = weight[e].clone().requires_grad_(), bias[e].clone().requires_grad_()
        for _ in range(4):
            loss = F.cross_entropy(support[e].flatten(0, 1) @ w.T + b, target)
            slopes = torch.autograd.grad(loss, [w, b])
            w, b = (value.detach().sub(0.3 * s).requires_grad_() for value, s in zip((w, b), slopes, strict=True))
        torch.testing.assert_close(fitted.weight[e], w.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(fitted.bias[e], b.detach(), rtol=1e-10, atol=1e-12)  # type: ignore[index]


@pytest.mark.parametrize("way", [1, 2, 4, 7])
@pytest.mark.parametrize("adapt", ["all", "head"])
def test_any_number_of_ways(way: int, adapt: Literal["all", "head"]) -> None:
    """Also other than the head was trained with: then the order of ways does not matter."""
    encoder, head = network()
    table = sample_table(IMAGES, TaskShape(way, 1, 2), 3, seed=2)
    for start in (head, None):
        procedure = AdaptedEncoder(encoder, start, 0.3, 2, adapt=adapt)
        logits = logits_of(procedure, table)
        assert logits.shape == (3, 2 * way, way)
        if way != WAY or start is None:
            flipped = type(table)(table.support.flip(1), table.query.flip(1), table.fingerprint, table.seed)
            mixed = logits_of(procedure, flipped).view(3, way, 2, way).flip(1, 3)
            torch.testing.assert_close(mixed, logits.view(3, way, 2, way), rtol=1e-7, atol=1e-7)


def test_adapting_helps() -> None:
    encoder, _ = network()
    values = []
    for steps in (0, 5):
        procedure = AdaptedEncoder(encoder, nn.Linear(6, WAY).double(), 0.1, steps)
        (found,) = few_shot_of_procedure(
            procedure, features(encoder, IMAGES, precision="fp64"), IMAGES, TABLE, target="t"
        )
        values.append(found.value)
    assert values[1] > values[0] + 10
    assert "adapted by 5 steps of rate 0.1 from trained weights, batch norm by support statistics" in found.protocol


def test_maml_is_measured_adapted() -> None:
    method = methods.get("maml")
    assert method.learner is not None
    encoder = build_encoder("conv4", 1, 16, seed=0, width=4)
    learner = method.learner(encoder, method, seed=0, settings={"inner_lr": 0.2, "test_steps": 4})
    procedure = own_procedure(method, learner)
    assert isinstance(procedure, AdaptedEncoder)
    assert (procedure.lr, procedure.steps, procedure.head) == (0.2, 4, learner.head)


def test_refusals() -> None:
    encoder, head = network()
    with pytest.raises(UserError, match="steps and lr of at least 0"):
        AdaptedEncoder(encoder, head, 0.1, -1)


@pytest.mark.parametrize("adapt", ["all", "head"])
@pytest.mark.parametrize("way", [3, 4, 6])
def test_learned_rates_of_other_ways_are_their_mean(way: int, adapt: Literal["all", "head"]) -> None:
    """A tensor of rates that are all alike is the number, whatever the ways (Meta-SGD trained at 4 ways)."""
    encoder, head = network()
    table = sample_table(IMAGES, TaskShape(way, SHOT, QUERY), 3, seed=2)
    names = [f"encoder.{name}" for name, _ in encoder.named_parameters()] + ["head.weight", "head.bias"]
    values = [*encoder.parameters(), head.weight, head.bias]
    alike = {name: torch.full_like(value, 0.3) for name, value in zip(names, values, strict=True)}
    learned = AdaptedEncoder(encoder, head, 1.0, 2, adapt=adapt, rates=lambda _, name: alike[name])
    plain = AdaptedEncoder(encoder, head, 0.3, 2, adapt=adapt)
    torch.testing.assert_close(logits_of(learned, table), logits_of(plain, table))
