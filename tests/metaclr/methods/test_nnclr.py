"""NNCLR by a loop: the nearest row of the queue asks for the prediction of the other view."""

from __future__ import annotations

import pytest
import torch

from metaclr import methods
from metaclr.bridge import Context
from tests import reference as loops
from tests.metaclr.bridge.test_gradients import small


def expected(p: torch.Tensor, z: torch.Tensor, rows: torch.Tensor) -> float:
    """p, z (N, 2, D) of unit norm, rows of the queue."""
    terms = []
    for view in (0, 1):
        nearest = [max(rows, key=lambda row, key=key: loops.dot(key, row)) for key in z[:, view]]
        logits = [[loops.dot(near, q) / 0.1 for q in p[:, 1 - view]] for near in nearest]
        terms.append(loops.cross_entropy(logits, list(range(len(z)))))
    return loops.mean(terms)


def test_loss_is_that_of_the_loops() -> None:
    module, z, context = small("nnclr")
    fresh = torch.randn(z.shape, dtype=z.dtype, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        p = loops.unit(module.predictor(fresh.flatten(0, 2)).view(fresh.shape)[0])
    rows, written = module.objective.labels.queue.read()
    assert int(written.sum()) == 2 * z.shape[1]
    value = module(fresh, context).item()
    assert value == pytest.approx(expected(p, loops.unit(fresh[0]), rows[written]), rel=1e-9)


def test_before_the_first_push_a_key_is_its_own_neighbor() -> None:
    module = methods.get("nnclr").objective.build(5, **{"size": 16, "hidden": 4}).double().eval()
    z = torch.randn(1, 6, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        p = loops.unit(module.predictor(z.flatten(0, 2)).view(z.shape)[0])  # type: ignore[operator]
    own = [
        loops.cross_entropy([[loops.dot(k, q) / 0.1 for q in p[:, 1 - v]] for k in loops.unit(z[0])[:, v]], range(6))
        for v in (0, 1)
    ]
    assert module(z, Context()).item() == pytest.approx(loops.mean(own), rel=1e-9)
