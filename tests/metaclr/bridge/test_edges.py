"""Half precision, extreme temperatures and degenerate batches: a defined value or a clear error."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from metaclr import methods
from metaclr.bridge import Context, Matching, Objective, Pairs, Prototypes, cosine, dot, given, split, squared_euclidean
from metaclr.errors import UserError
from tests.metaclr.bridge.test_gradients import TRAINED, small

COSINE = [
    name
    for name in TRAINED
    if isinstance(methods.get(name).objective, Objective) and methods.get(name).objective.embedding.unit  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_float32_under_autocast(name: str, dtype: torch.dtype) -> None:
    module, z, context = small(name)
    module, z = module.float(), z.float().requires_grad_()
    if context.momentum_embeddings is not None:
        context = Context(**{**vars(context), "momentum_embeddings": context.momentum_embeddings.float()})
    upcast = module(z, context)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(z, context).dtype == torch.float32
        torch.testing.assert_close(module(z, context), upcast, rtol=1e-5, atol=1e-5)
    half = z.detach().to(dtype).requires_grad_()
    loss = module(half, context)
    loss.backward()
    assert loss.dtype == torch.float32
    assert half.grad is not None
    assert half.grad.isfinite().all()
    assert abs(loss - upcast) < 0.05 * abs(upcast) + 0.05


@pytest.mark.parametrize("name", COSINE)
@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0, 100.0])
def test_temperatures_stay_finite(name: str, temperature: float) -> None:
    method = methods.get(name)
    first = {"first": 4} if name == "directclr" else {}
    module = method.objective.build(5, dataset_size=8, temperature=temperature, **first)
    z = torch.randn(1, 8, method.shot + method.query, 5, generator=torch.Generator().manual_seed(0))
    for batch in (z, torch.ones_like(z), -z.abs()):
        batch.requires_grad_()
        labels = torch.arange(8)[None]
        loss = module(batch, Context(labels=labels, images=labels, shot=method.shot))
        loss.backward()
        assert loss.isfinite()
        assert batch.grad is not None
        assert batch.grad.isfinite().all()


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_equal_embeddings_are_defined(name: str, value: float) -> None:
    module, z, context = small(name)
    same = torch.full_like(z, value).requires_grad_()
    loss = module(same, context)
    loss.backward()
    assert loss.isfinite()
    assert same.grad is not None
    assert same.grad.isfinite().all()


def test_collapse_has_the_loss_and_the_accuracy_of_chance() -> None:
    same = torch.ones(1, 8, 2, 5)
    for settings, columns, accuracy in (
        (Objective(), 15, 1 / 8),
        (Objective(roles=split, head=Prototypes(cosine)), 8, 1 / 8),
    ):
        module = settings.build(5)
        assert module(same).item() == pytest.approx(torch.tensor(columns).log().item())
        assert module.accuracy.item() <= accuracy + 1e-6


def finite_or_refused(module: nn.Module, z: torch.Tensor, context: Context, word: str) -> bool:
    """Whether the loss is a number; if not, the error must say what is missing."""
    try:
        return bool(module(z, context).isfinite())
    except UserError as error:
        return word in str(error)


@pytest.mark.parametrize("name", TRAINED)
def test_one_way_is_defined_or_refused(name: str) -> None:
    module, z, context = small(name)
    labels = torch.zeros(1, 1, dtype=torch.int64)
    assert context.images is not None
    target = None if context.momentum_embeddings is None else context.momentum_embeddings[:, :1]
    one = Context(labels=labels, images=context.images[:, :1], shot=context.shot, momentum_embeddings=target)
    assert finite_or_refused(module, z[:, :1], one, "1")


def test_one_way_of_a_cross_entropy_is_zero() -> None:
    z = torch.randn(1, 1, 2, 5, generator=torch.Generator().manual_seed(0))
    assert Objective().build(5)(z).item() == pytest.approx(0, abs=1e-6)
    assert Objective(roles=split).build(5)(z).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", TRAINED)
def test_one_view_is_defined_or_refused(name: str) -> None:
    module, z, context = small(name)
    target = None if context.momentum_embeddings is None else context.momentum_embeddings[:, :, :1]
    one = Context(labels=context.labels, images=context.images, shot=context.shot, momentum_embeddings=target)
    assert finite_or_refused(module, z[:, :, :1], one, "view")


def test_duplicated_images_are_defined() -> None:
    z = torch.randn(1, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    twice = torch.cat([z, z], 1)
    for settings in (Objective(), Objective(roles=split, head=Prototypes(squared_euclidean))):
        assert settings.build(5)(twice) > settings.build(5)(z)  # the duplicate is a negative that cannot be told apart


def test_no_positive_at_all_is_zero() -> None:
    labels = Context(labels=torch.arange(4)[None])
    z = torch.randn(1, 4, 1, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for head in (Pairs(dot), Matching(dot)):
        loss = Objective(labels=given, head=head).build(5)(z, labels)
        assert loss.item() == 0
        assert torch.autograd.grad(loss, z)[0].eq(0).all()


def test_shapes_are_checked() -> None:
    module = Objective().build(5)
    with pytest.raises(UserError, match="tasks, ways, views, dimensions"):
        module(torch.zeros(4, 2, 5))
    with pytest.raises(UserError, match="tasks, ways, views, dimensions"):
        module(torch.zeros(1, 0, 2, 5))
    with pytest.raises(UserError, match="differ in shape"):
        module(torch.zeros(1, 4, 2, 5), Context(momentum_embeddings=torch.zeros(1, 4, 2, 6)))
    with pytest.raises(UserError, match="do not fit"):
        Objective(labels=given).build(5)(torch.zeros(1, 4, 2, 5), Context(labels=torch.zeros(1, 3, dtype=torch.int64)))


def test_accuracy_counts_queries_whose_nearest_column_is_their_own() -> None:
    axes = torch.eye(4)[None, :, None].expand(1, 4, 2, 4).clone()
    module = Objective().build(4)
    module(axes)
    assert module.accuracy.item() == 1
    assert not module.accuracy.requires_grad
    axes[0, 0, 1] = axes[0, 1, 0]  # a view of image 0 looks like image 1
    module(axes)
    assert 0 < module.accuracy.item() < 1
