"""Losses do not depend on the order of images, nor, where roles are symmetric, on the order of views."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaclr import methods
from metaclr.bridge import (
    SVM,
    Context,
    Matching,
    Objective,
    Pairs,
    Prototypes,
    Relation,
    Ridge,
    dot,
    leave_one_out,
    split,
    swap,
)
from tests.metaclr.bridge.test_gradients import TRAINED, small

RANDOM = {"semi_normalized", "hms", "caml", "snail"}  # their tasks, or label codes, are drawn by position
BY_PLACE = {*RANDOM, "camelu", "r3m"}  # a way's label vector is that of its place; its negatives are the next ways
PLACED = {"cpc", "tabi", "r3m"}  # views have places: patches of a grid, a text before its images, frames in time
ORDER = torch.tensor([4, 2, 0, 5, 1, 3])


def shuffled(context: Context) -> Context:
    def rows(table: torch.Tensor | None) -> torch.Tensor | None:
        return None if table is None else table[:, ORDER]

    return replace(
        context,
        labels=rows(context.labels),
        images=rows(context.images),
        momentum_embeddings=rows(context.momentum_embeddings),
    )


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in BY_PLACE])
def test_image_order_does_not_matter(name: str) -> None:
    module, z, context = small(name)
    torch.testing.assert_close(module(z, context), module(z[:, ORDER], shuffled(context)), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in BY_PLACE])
def test_gradients_follow_the_images(name: str) -> None:
    module, z, context = small(name)
    ordered, mixed = z.clone().requires_grad_(), z[:, ORDER].clone().requires_grad_()
    slope = torch.autograd.grad(module(ordered, context), ordered)[0]
    follows = torch.autograd.grad(module(mixed, shuffled(context)), mixed)[0]
    torch.testing.assert_close(slope[:, ORDER], follows, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in RANDOM])
def test_task_order_does_not_matter(name: str) -> None:
    module, first, context = small(name)
    z = torch.cat([first, first.flip(1, 3), first.roll(1, 1) * 0.7])

    def loss(order: list[int]) -> torch.Tensor:
        def tables(table: torch.Tensor | None) -> torch.Tensor | None:
            return None if table is None else torch.cat([table, table.flip(1), table.roll(1, 1)])[order]

        mixed = replace(
            context,
            labels=tables(context.labels),
            images=tables(context.images),
            momentum_embeddings=tables(context.momentum_embeddings),
        )
        value: torch.Tensor = module(z[order], mixed)
        return value

    torch.testing.assert_close(loss([0, 1, 2]), loss([2, 0, 1]), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in RANDOM | {"cpc", "r3m"}])
def test_views_of_one_role_are_alike(name: str) -> None:
    """Support views among themselves and query views among themselves: their order never matters."""
    module, z, context = small(name)
    support, query = range(context.shot), range(context.shot, z.shape[2])
    order = [*reversed(support), *reversed(query)]
    target = None if context.momentum_embeddings is None else context.momentum_embeddings[:, :, order]
    torch.testing.assert_close(
        module(z, context), module(z[:, :, order], replace(context, momentum_embeddings=target)), rtol=1e-9, atol=1e-11
    )


def test_views_of_one_role_are_alike_with_several_shots() -> None:
    z = torch.randn(1, 6, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = [2, 0, 1, 4, 3]
    for head in (Pairs(dot), Matching(dot), Prototypes(dot), Ridge(), SVM(), Relation(4)):
        for roles in (split, swap):
            module = Objective(roles=roles, head=head).build(7).double()
            values = [module(batch, Context(shot=3)) for batch in (z, z[:, :, order])]
            torch.testing.assert_close(*values, rtol=1e-9, atol=1e-11)


def symmetric(name: str) -> bool:
    objective = methods.get(name).objective
    return not isinstance(objective, Objective) or objective.roles in (leave_one_out, swap)


SYMMETRIC = [
    name
    for name in TRAINED
    if symmetric(name) and name not in {"psco", "l_spread", "l_spread_autoencoder", *RANDOM, *PLACED}
]


@pytest.mark.parametrize("name", SYMMETRIC)
def test_view_order_does_not_matter(name: str) -> None:
    module, z, context = small(name)
    order = [1, 0] if z.shape[2] == 2 else [2, 0, 3, 1]
    mixed = replace(
        context,
        momentum_embeddings=None if context.momentum_embeddings is None else context.momentum_embeddings[:, :, order],
    )
    torch.testing.assert_close(module(z, context), module(z[:, :, order], mixed), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["protonet", "protoclr", "moco", "r2d2", "l_spread", "metacontrastive_protonet"])
def test_split_roles_are_not_symmetric(name: str) -> None:
    module, z, context = small(name)
    target = None if context.momentum_embeddings is None else context.momentum_embeddings.flip(2)
    assert abs(module(z, context) - module(z.flip(2), replace(context, momentum_embeddings=target))) > 1e-6
