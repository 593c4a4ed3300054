"""Losses do not depend on the order of images, nor, where roles are symmetric, on the order of views."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaclr import methods
from metaclr.bridge import Context, Objective, leave_one_out, swap
from tests.metaclr.bridge.test_gradients import TRAINED, small

RANDOM = {"semi_normalised"}  # its tasks are drawn by position
ORDER = torch.tensor([4, 2, 0, 5, 1, 3])


def shuffled(context: Context) -> Context:
    def rows(table: torch.Tensor | None) -> torch.Tensor | None:
        return None if table is None else table[:, ORDER]

    return replace(context, labels=rows(context.labels), images=rows(context.images), target=rows(context.target))


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in RANDOM])
def test_image_order_does_not_matter(name: str) -> None:
    module, z, context = small(name)
    torch.testing.assert_close(module(z, context), module(z[:, ORDER], shuffled(context)), rtol=1e-9, atol=1e-11)


def symmetric(name: str) -> bool:
    objective = methods.get(name).objective
    return not isinstance(objective, Objective) or objective.roles in (leave_one_out, swap)


@pytest.mark.parametrize("name", [name for name in TRAINED if symmetric(name) and name not in {"psco", *RANDOM}])
def test_view_order_does_not_matter(name: str) -> None:
    module, z, context = small(name)
    flipped = replace(context, target=None if context.target is None else context.target.flip(2))
    torch.testing.assert_close(module(z, context), module(z.flip(2), flipped), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["protonet", "protoclr", "moco", "r2d2", "metacontrastive_protonet"])
def test_split_roles_are_not_symmetric(name: str) -> None:
    module, z, context = small(name)
    target = None if context.target is None else context.target.flip(2)
    assert abs(module(z, context) - module(z.flip(2), replace(context, target=target))) > 1e-6
