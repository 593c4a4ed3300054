"""Losses over tiles are the dense ones: values, gradients, accuracy; and they never hold the matrix."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from metaclr import methods
from metaclr.bridge import (
    Context,
    HardWeighted,
    Matching,
    MovingAverage,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    WeightedSum,
    cosine,
    decoupled,
    dot,
    given,
    leave_one_out,
    raw,
    split,
    squared_euclidean,
    swap,
    unit_norm,
)
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.logits.tiling import ON_CPU, chosen, tiling
from metaclr.heads.similarity import semi_normalized

ROOT = Path(__file__).parents[3]
DIM = 5


def dense() -> AbstractContextManager[None]:
    return tiling(above=sys.maxsize)


@contextmanager
def no_matrix() -> Iterator[None]:
    """Inside the block nobody can ask for the logits as a matrix."""

    def refuse(_: Logits) -> Tensor:
        raise AssertionError("the matrix of logits was made")

    before = Logits.__dict__["values"]
    Logits.values = property(refuse)  # type: ignore[assignment]
    try:
        yield
    finally:
        Logits.values = before


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def results(module: torch.nn.Module, z: Tensor, context: Context | None) -> list[Tensor]:
    """Loss, accuracy, gradients of the embeddings and of the parameters."""
    z = z.detach().requires_grad_()
    loss = module(z, context)
    inputs = [z, *(one for one in module.parameters() if one.requires_grad)]
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    parts = list(module.terms) if hasattr(module, "terms") else [module]
    scores = [part.accuracy for part in parts if getattr(part, "accuracy", None) is not None]
    return [loss.detach(), *scores, *(one for one in found if one is not None)]


@pytest.mark.parametrize("above", [0, sys.maxsize])
@pytest.mark.parametrize("roles", [leave_one_out, swap])
def test_a_second_derivative_is_refused(above: int, roles: Any) -> None:
    z = draw(1, 6, 2, DIM).requires_grad_()
    with tiling(3, 3, above):
        loss = Objective(roles=roles).build(DIM)(z)
    (first,) = torch.autograd.grad(loss, z, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(first.square().sum(), z)


FILLED = Context(labels=torch.arange(6)[None] % 3, images=torch.arange(6)[None])
SETTINGS: dict[str, Any] = {
    "nt-xent": Objective(),
    "cosine": Objective(head=Pairs(cosine), embedding=raw),
    "euclidean": Objective(head=Pairs(squared_euclidean), embedding=raw),
    "semi-normalized": Objective(head=Pairs(semi_normalized), embedding=raw),
    "infonce": Objective(roles=swap),
    "learned temperature": Objective(roles=swap, temperature=0.07, learn_temperature=True),
    "learned temperature, leave-one-out": Objective(temperature=0.05, learn_temperature=True),
    "learned temperature, euclidean": Objective(
        head=Pairs(squared_euclidean), embedding=raw, temperature=2.0, learn_temperature=True
    ),
    "prototypes": Objective(roles=split, head=Prototypes(squared_euclidean), embedding=raw, temperature=1.0),
    "prototypes, swapped": Objective(roles=swap, head=Prototypes(cosine), embedding=raw),
    "supcon": Objective(labels=given, head=Pairs(dot)),
    "supcon, euclidean": Objective(labels=given, head=Pairs(squared_euclidean), embedding=raw),
    "supcon, across": Objective(labels=given, roles=split, head=Pairs(squared_euclidean), embedding=raw),
    "supcon, learned": Objective(labels=given, learn_temperature=True),
    "nca": Objective(labels=given, head=Matching(squared_euclidean), embedding=raw),
    "decoupled": Objective(denominator=decoupled),
    "decoupled supcon": Objective(labels=given, denominator=decoupled),
    "decoupled infonce": Objective(roles=swap, denominator=decoupled),
    "hard negatives": Objective(denominator=HardWeighted()),
    "hard negatives, labels": Objective(labels=given, denominator=HardWeighted(beta=0.5)),
    "running": Objective(denominator=MovingAverage()),
    "queue": Objective(roles=split, negatives=Queue(7)),
    "queue and batch": Objective(roles=swap, negatives=Queue(7, with_batch=True)),
    "queue, prototypes": Objective(roles=split, head=Prototypes(), embedding=raw, negatives=Queue(7)),
    "queue, decoupled": Objective(roles=split, negatives=Queue(7, with_batch=True), denominator=decoupled),
    "queue, hard": Objective(roles=split, negatives=Queue(7), denominator=HardWeighted()),
    "blend": WeightedSum(((0.5, Objective(labels=given)), (2.0, Objective(roles=swap)))),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("views", [2, 3])
@pytest.mark.parametrize("tile", [(4, 3), (3, 5)])
def test_every_setting_is_the_dense_one(name: str, views: int, tile: tuple[int, int]) -> None:
    z = draw(1, 6, views, DIM)
    module = SETTINGS[name].build(DIM, dataset_size=6).double()
    module(draw(1, 2, views, DIM, seed=9), Context(images=torch.arange(2)[None], labels=torch.arange(2)[None]))
    module.eval()  # a queue that is not yet full
    with dense():
        expected = results(module, z, FILLED)
    with tiling(*tile), no_matrix():
        found = results(module, z, FILLED)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("roles", [leave_one_out, split, swap])
def test_several_tasks(roles: Any) -> None:
    z, labels = draw(3, 6, 3, DIM), Context(labels=torch.tensor([[0, 0, 1, 1, 2, 3], [5] * 6, [0, 1, 2, 3, 4, 5]]))
    for objective in (Objective(roles=roles), Objective(roles=roles, labels=given)):
        with dense():
            expected = results(objective.build(DIM), z, labels)
        with tiling(4, 3), no_matrix():
            found = results(objective.build(DIM), z, labels)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_a_queue_serves_several_tasks() -> None:
    z = draw(3, 4, 2, DIM)
    for queue in (Queue(7), Queue(7, with_batch=True)):
        module = Objective(roles=split, negatives=queue).build(DIM).double()
        module(draw(1, 5, 2, DIM, seed=9), None)
        module.eval()
        with dense():
            expected = results(module, z, None)
        with tiling(4, 3), no_matrix():
            found = results(module, z, None)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("roles", [leave_one_out, split, swap])
def test_keys_of_another_encoder(roles: Any) -> None:
    """Support without gradient, and not the queries themselves: the logits are not symmetric."""
    z, context = draw(1, 6, 2, DIM), Context(momentum_embeddings=draw(1, 6, 2, DIM, seed=4))
    module = Objective(roles=roles, learn_temperature=True).build(DIM).double()
    with dense():
        expected = results(module, z, context)
    with tiling(4, 3), no_matrix():
        found = results(module, z, context)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


TILED = ["clip", "dcl", "dclw", "debiased", "directclr", "hcl", "infonce", "matching", "metacontrastive_protonet"]
TILED += ["moco", "moco_v1", "nca", "npair", "protoclr", "protonet", "simclr", "simclr_multiview", "sogclr"]
TILED += ["supcon", "supcon_in", "symmetric_protoclr"]


@pytest.mark.parametrize("name", TILED)
def test_these_methods_need_no_matrix(name: str) -> None:
    method = methods.get(name)
    sizes = {"size": 16} if name.startswith("moco") else {"first": 3} if name == "directclr" else {}
    module = method.objective.build(DIM, dataset_size=6, **sizes).double().eval()
    labels = torch.arange(6)[None] % (6 if method.way_type == "classes" else 3)
    z = draw(1, 6, method.shot + method.query, DIM)
    target = draw(*z.shape, seed=4) if method.momentum is not None else None
    context = Context(labels=labels, images=torch.arange(6)[None], shot=method.shot, momentum_embeddings=target)
    with dense():
        expected = results(module, z, context)
    with tiling(4, 3), no_matrix():
        found = results(module, z, context)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("settings", [Objective(), Objective(roles=swap), Objective(denominator=decoupled)])
def test_float32_agrees_to_a_millionth(settings: Objective) -> None:
    z = draw(1, 600, 2, 32, dtype=torch.float32)
    module = settings.build(32)
    with dense():
        expected = results(module, z, None)
    with tiling(128, 96), no_matrix():
        found = results(module, z, None)
    assert found[0].item() == pytest.approx(expected[0].item(), rel=1e-6)
    assert torch.equal(found[1], expected[1])
    assert relative(found[2], expected[2].double()) < 1e-6


@pytest.mark.parametrize("temperature", [0.01, 0.05, 1.0, 100.0])
@pytest.mark.parametrize("roles", [leave_one_out, swap])
def test_float32_is_as_exact_as_the_dense_form_at_any_temperature(temperature: float, roles: Any) -> None:
    """Judged by float64. At 0.01 logits are near 100 and their rounding 1e-5: a softmax by exp(l - lse) shows it."""
    z = draw(1, 512, 1, 128, dtype=torch.float32) + draw(1, 512, 2, 128, seed=1, dtype=torch.float32)
    z[:, :50, 1] = z[:, :50, 0]
    module = Objective(temperature=temperature, roles=roles).build(128)
    with dense():
        exact, plain = results(module, z.double(), None), results(module, z, None)
    with tiling(128, 96), no_matrix():
        loss, accuracy, gradient = results(module, z, None)
    assert abs(loss.item() - exact[0].item()) < 2e-6 * max(1, loss.item())
    assert accuracy == exact[1]
    assert relative(gradient, exact[2]) < 1.3 * relative(plain[2], exact[2]) + 1e-7


@pytest.mark.parametrize("denominator", [HardWeighted(), decoupled])
def test_a_class_for_each_way_is_the_instance(denominator: Any) -> None:
    """With labels nothing is known without the matrix, or the tiles, of whose column is whose."""
    z, labels = draw(1, 6, 3, DIM), Context(labels=torch.tensor([[4, 0, 7, 2, 9, 3]]))
    expected = results(Objective(denominator=denominator).build(DIM), z, None)
    for how in (dense(), tiling(4, 3)):
        with how:
            found = results(Objective(labels=given, denominator=denominator).build(DIM), z, labels)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("settings", [Objective(), Objective(roles=swap), Objective(head=Pairs(squared_euclidean))])
def test_equal_rows(settings: Objective) -> None:
    """A collapsed encoder: every column is as near as any other, and no gradient leads out."""
    z = torch.ones(1, 8, 2, 4)
    module = settings.build(4)
    with tiling(3, 5), no_matrix():
        loss, accuracy, gradient = results(module, z, None)
    with dense():
        expected = results(module, z, None)
    assert loss.item() == pytest.approx(log(15 if settings.roles is leave_one_out else 8), rel=1e-6)
    assert gradient.abs().max() < 1e-6
    assert torch.equal(accuracy, expected[1])


def test_queries_without_negatives_cost_nothing() -> None:
    z = draw(1, 1, 3, DIM)
    with tiling(2, 2), no_matrix():
        loss, _, gradient = results(Objective(denominator=decoupled).build(DIM), z, None)
    assert loss == 0
    assert torch.equal(gradient, torch.zeros_like(z))


def test_queries_without_a_positive_do_not_count() -> None:
    labels = Context(labels=torch.tensor([[0, 0, 1, 2, 2]]))
    z = draw(1, 5, 1, DIM)
    for head in (Pairs(dot), Matching(dot), Pairs(squared_euclidean)):
        module = Objective(labels=given, head=head).build(DIM)
        with dense():
            expected = results(module, z, labels)
        with tiling(2, 3), no_matrix():
            found = results(module, z, labels)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
        assert found[-1].isfinite().all()


def test_an_empty_queue_has_no_columns() -> None:
    z = draw(1, 6, 2, DIM)
    module = Objective(roles=split, negatives=Queue(9)).build(DIM).double().eval()
    with tiling(4, 4), no_matrix():
        loss, _, gradient = results(module, z, None)
    assert loss == 0
    assert gradient.abs().max() < 1e-12


def test_half_precision_comes_in_and_float32_is_computed() -> None:
    z = draw(1, 12, 2, DIM).bfloat16()
    module = Objective(roles=leave_one_out, embedding=unit_norm).build(DIM)
    with dense():
        expected = results(module, z.float(), None)
    with tiling(5, 5), no_matrix(), torch.autocast("cpu", torch.bfloat16):
        loss, accuracy, gradient = results(module, z, None)
    assert loss.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close([loss, accuracy], expected[:2], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient.float(), expected[2], rtol=1e-2, atol=1e-4)


def test_the_backward_outside_the_block_keeps_its_tiles() -> None:
    z = draw(1, 6, 2, DIM).requires_grad_()
    with tiling(4, 3), no_matrix():
        loss = Objective().build(DIM)(z)
    (mine,) = torch.autograd.grad(loss, z)
    (theirs,) = torch.autograd.grad(Objective().build(DIM)(z), z)
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_tiles_are_chosen_above_a_size_of_their_own() -> None:
    side = int((ON_CPU.above / 4) ** 0.5)
    assert chosen(torch.empty(1, side, 1), side) is None
    assert chosen(torch.empty(1, side + 1, 1), side) == ON_CPU
    assert chosen(torch.empty(100_000, 16, 1), 16) is None  # many small tasks
    assert chosen(torch.empty(1, 500_000, 1), 5) is None  # few columns
    z = draw(1, side // 2 + 1, 2, 4, dtype=torch.float32)
    module = Objective().build(4)
    with no_matrix():
        found = results(module, z, None)
    with dense():
        expected = results(module, z, None)
    torch.testing.assert_close(found[:2], expected[:2], rtol=1e-6, atol=1e-6)


def test_a_similarity_of_ones_own_stays_dense() -> None:
    def one_norm(query: Tensor, support: Tensor, scale: Tensor | float = 1.0) -> Tensor:
        return -torch.cdist(query, support, p=1) * scale

    z = draw(1, 6, 2, DIM)
    module = Objective(head=Pairs(one_norm), embedding=raw).build(DIM)
    with tiling(2, 2):
        found = results(module, z, None)
    with dense():
        torch.testing.assert_close(found, results(module, z, None))


PEAK = """
import sys, torch
from metaclr.bridge import Objective, swap
torch.set_num_threads(1)
def resident(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024
objective = Objective(roles=swap) if sys.argv[1] == "swap" else Objective()
loss = objective.build(16)
loss(torch.randn(1, 1600, 2, 16, requires_grad=True)).backward()  # libraries are loaded, buffers there
z = torch.randn(1, 6144, 2, 16, requires_grad=True)
before = resident("VmRSS")
loss(z).backward()
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("roles", "whole"), [("leave_one_out", 12288**2 * 4), ("swap", 2 * 6144**2 * 4)])
def test_memory_stays_far_below_the_matrix(roles: str, whole: int) -> None:
    done = subprocess.run([sys.executable, "-c", PEAK, roles], capture_output=True, text=True, cwd=ROOT, check=True)
    assert int(done.stdout) < 32 << 20 < whole / 8
