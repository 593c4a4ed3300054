"""Figures of the research: the ridge head's scale (3.3), and a published bound that is false as printed (3.4)."""

from __future__ import annotations

from math import log

import pytest
import torch
import torch.nn.functional as F

from metaclr import methods
from metaclr.heads.ridge import ridge_weights

N, D = 256, 128


def ridge_scores(query: torch.Tensor, support: torch.Tensor, regularizer: float) -> torch.Tensor:
    return query @ ridge_weights(support, regularizer).mT


def test_metacontrastive_ridge_stays_near_the_loss_of_chance() -> None:
    """Query = support at the authors' defaults: correct logit 0.1293, wrong ones 0.0081, loss 5.4166 of 5.5452."""
    found = []
    for seed in range(4):
        source = torch.Generator().manual_seed(seed)
        z = F.normalize(torch.randn(1, N, 1, D, dtype=torch.float64, generator=source), dim=-1)
        as_coded = z / 0.1**0.5  # their z / sqrt(t)
        scores = ridge_scores(as_coded[:, :, 0], as_coded, 50.0)[0]
        wrong = scores[~torch.eye(N, dtype=torch.bool)]
        loss = methods.get("metacontrastive_r2d2").objective.build(D)(z.expand(1, N, 2, D))
        torch.testing.assert_close(loss, F.cross_entropy(scores, torch.arange(N)), rtol=1e-10, atol=1e-12)
        found.append([scores.diagonal().mean().item(), wrong.abs().mean().item(), loss.item()])
    correct, wrong_mean, loss_mean = torch.tensor(found).mean(0).tolist()
    assert correct == pytest.approx(0.1293, abs=3e-4)
    assert wrong_mean == pytest.approx(0.0081, abs=1e-4)
    assert loss_mean == pytest.approx(5.4166, abs=3e-4)
    assert log(N) == pytest.approx(5.5452, abs=1e-4)


def test_ridge_logits_of_an_orthonormal_support_and_their_bound() -> None:
    t, regularizer = 0.1, 50.0
    support = torch.eye(32, dtype=torch.float64)[None, :, None] / t**0.5
    scores = ridge_scores(support[:, :, 0], support, regularizer)[0]
    torch.testing.assert_close(scores.diagonal(), torch.full((32,), (1 / t) / (1 / t + regularizer)).double())
    assert scores[0, 0].item() == pytest.approx(0.1667, abs=1e-4)
    largest = 0.0
    for length in torch.logspace(-1, 2, 200, dtype=torch.float64):  # one support vector of any length
        alone = torch.zeros(1, 1, 1, 4, dtype=torch.float64)
        alone[..., 0] = length
        largest = max(largest, ridge_scores(F.normalize(alone[:, :, 0], dim=-1) / t**0.5, alone, regularizer).item())
    bound = (1 / t**0.5) / (2 * regularizer**0.5)
    assert bound == pytest.approx(0.2236, abs=1e-4)
    assert 0.99 * bound < largest <= bound


@pytest.mark.parametrize(("scale", "loss"), [(1.0, 4.552), (10.0, 0.0115)])
def test_even_perfect_ridge_predictions_need_a_scale(scale: float, loss: float) -> None:
    assert F.cross_entropy(scale * torch.eye(N), torch.arange(N)).item() == pytest.approx(loss, abs=1e-3)


def test_a_gram_matrix_in_half_precision_costs_three_to_four_digits() -> None:
    """Relative error of the inverse 8e-5 (float16) and 6e-4 (bfloat16) against 6e-8; condition number 2.1."""
    rows = F.normalize(torch.randn(N, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=-1)
    gram, ridge = rows @ rows.T / 0.1, 50 * torch.eye(N, dtype=torch.float64)
    assert torch.linalg.cond(gram + ridge).item() == pytest.approx(2.1, abs=0.1)
    exact = torch.linalg.inv(gram + ridge)
    for dtype, printed in ((torch.float16, 8e-5), (torch.bfloat16, 6e-4), (torch.float32, 6e-8)):
        rounded = (rows / 0.1**0.5).to(dtype)
        error = torch.linalg.inv((rounded @ rounded.T).double() + ridge) - exact
        assert printed / 5 < (error.norm() / exact.norm()).item() < 5 * printed


def test_ridge_is_solved_in_float32_under_autocast() -> None:
    z = torch.randn(1, 16, 2, 64, generator=torch.Generator().manual_seed(0))
    module = methods.get("r2d2").objective.build(64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(module(z), module(z.double()).float(), rtol=1e-5, atol=1e-5)


def test_the_minibatch_bound_as_printed_is_false_and_as_corrected_holds() -> None:
    terms = torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).exp()
    whole = terms.sum().log()
    bounds = []
    for batches in (10, 100, 1000):
        sums = terms.reshape(batches, -1).sum(1)
        if batches < 1000:
            assert sums.log().sum() > whole  # printed: whole >= sum over batches of log sum
        bounds.append((batches * sums).log().mean())
    assert whole > bounds[0] > bounds[1] > bounds[2]  # corrected; the gap closes as the batch grows
    assert whole - bounds[0] < 0.02
