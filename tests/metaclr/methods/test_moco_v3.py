"""MoCo v3 by a loop: predictions of one view against the momentum keys of the other, both ways."""

from __future__ import annotations

import pytest
import torch

from tests import reference as loops
from tests.metaclr.bridge.test_gradients import small


def test_loss_is_that_of_the_loops() -> None:
    module, z, context = small("moco_v3")
    fresh = torch.randn(z.shape, dtype=z.dtype, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        p = loops.unit(module.predictor(fresh.flatten(0, 2)).view(fresh.shape)[0])
    assert context.momentum_embeddings is not None
    keys = loops.unit(context.momentum_embeddings[0])
    terms = [
        loops.cross_entropy([[loops.dot(q, k) for k in keys[:, 1 - view]] for q in p[:, view]], list(range(len(p))))
        for view in (0, 1)
    ]
    assert module(fresh, context).item() == pytest.approx(loops.mean(terms), rel=1e-9)


def test_equal_embeddings_cost_the_log_of_the_batch() -> None:
    module, z, context = small("moco_v3")
    equal = torch.ones_like(z)
    same = type(context)(momentum_embeddings=equal)
    assert module(equal, same).item() == pytest.approx(torch.tensor(float(z.shape[1])).log().item())
