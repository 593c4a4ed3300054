"""Products and squares reduced over tiles are reduced like the matrix: values, nearest columns, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from metaclr.bridge.logits.logits import MASKED
from metaclr.bridge.logits.tiled_logsumexp import Request, log_sum_exp_of_product, log_sum_exp_of_square
from metaclr.bridge.logits.tiling import Columns, Tiling

DIM = 5
TILES = [(3, 2), (2, 5), (7, 7), (1, 1), (64, 64)]
ONLY: list[Columns] = ["all", "positives", "negatives"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def masked(logits: Tensor, exclude_self: bool, only: Columns, asking: Tensor, answering: Tensor) -> Tensor:
    """The definition, as a matrix."""
    if exclude_self:
        logits = logits.masked_fill(torch.eye(*logits.shape[-2:], dtype=torch.bool), MASKED)
    same = asking.unsqueeze(-1) == answering.unsqueeze(-2)
    hidden = {"all": torch.zeros_like(same), "positives": ~same, "negatives": same}[only]
    return logits.masked_fill(hidden, MASKED)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("only", ONLY)
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_products_are_reduced_like_the_matrix(
    tile: tuple[int, int], only: Columns, exclude_self: bool, with_bias: bool
) -> None:
    rows, columns = (8, 8) if exclude_self else (7, 11)
    query, column = draw(2, rows, DIM).requires_grad_(), draw(2, columns, DIM, seed=1).requires_grad_()
    bias = draw(2, columns, seed=2).requires_grad_() if with_bias else None
    asking, answering = torch.arange(rows).expand(2, -1) % 3, torch.arange(columns).expand(2, -1) % 4
    whole = query @ column.mT + (0 if bias is None else bias.unsqueeze(1))
    expected = masked(whole, exclude_self, only, asking, answering).logsumexp(-1)
    request = Request(Tiling(*tile, 0), exclude_self, only, asking, answering)
    found = log_sum_exp_of_product(query, column, bias, request)
    torch.testing.assert_close(found.log_sum_exp, expected, rtol=1e-12, atol=1e-12)
    weights = draw(2, rows, seed=3)  # every query's own share of the loss
    inputs = [query, column] + ([] if bias is None else [bias])
    mine = torch.autograd.grad((weights * found.log_sum_exp).sum(), inputs)
    theirs = torch.autograd.grad((weights * expected).sum(), inputs)
    torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-12)
    if only != "positives":
        largest, nearest = masked(whole, exclude_self, "all", asking, answering).max(-1)
        torch.testing.assert_close(found.largest, largest.detach(), rtol=1e-12, atol=1e-12)
        assert torch.equal(found.nearest, nearest)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("only", ONLY)
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_squares_are_reduced_like_the_matrix(
    tile: tuple[int, int], only: Columns, exclude_self: bool, with_bias: bool
) -> None:
    rows = draw(2, 9, DIM).requires_grad_()
    bias = draw(2, 9, seed=2).requires_grad_() if with_bias else None
    classes = torch.arange(9).expand(2, -1) // 2 % 3
    whole = rows @ rows.mT + (0 if bias is None else bias.unsqueeze(1) + bias.unsqueeze(2))
    expected = masked(whole, exclude_self, only, classes, classes).logsumexp(-1)
    found = log_sum_exp_of_square(rows, bias, Request(Tiling(*tile, 0), exclude_self, only, classes, classes))
    torch.testing.assert_close(found.log_sum_exp, expected, rtol=1e-12, atol=1e-12)
    weights = draw(2, 9, seed=3)
    inputs = [rows] + ([] if bias is None else [bias])
    mine = torch.autograd.grad((weights * found.log_sum_exp).sum(), inputs)
    theirs = torch.autograd.grad((weights * expected).sum(), inputs)
    torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-12)
    if only != "positives":
        largest, nearest = masked(whole, exclude_self, "all", classes, classes).max(-1)
        torch.testing.assert_close(found.largest, largest.detach(), rtol=1e-12, atol=1e-12)
        assert torch.equal(found.nearest, nearest)


@pytest.mark.parametrize("only", ONLY)
def test_gradcheck(only: Columns) -> None:
    classes = torch.tensor([[0, 0, 1, 1, 2, 2, 0]])
    request = Request(Tiling(3, 2, 0), True, only, classes, classes)
    rows, column, bias = (draw(*shape).requires_grad_() for shape in ((1, 7, 3), (1, 7, 3), (1, 7)))
    assert torch.autograd.gradcheck(lambda *a: log_sum_exp_of_product(*a, request).log_sum_exp, (rows, column, bias))
    assert torch.autograd.gradcheck(lambda *a: log_sum_exp_of_square(*a, request).log_sum_exp, (rows, bias))


def test_only_what_needs_a_gradient_gets_one() -> None:
    query, column = draw(1, 6, DIM).requires_grad_(), draw(1, 8, DIM, seed=1)
    request = Request(Tiling(4, 3, 0))
    (mine,) = torch.autograd.grad(log_sum_exp_of_product(query, column, None, request).log_sum_exp.sum(), query)
    (theirs,) = torch.autograd.grad((query @ column.mT).logsumexp(-1).sum(), query)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    (mine,) = torch.autograd.grad(
        log_sum_exp_of_product(query.detach(), column.requires_grad_(), None, request).log_sum_exp.sum(), column
    )
    (theirs,) = torch.autograd.grad((query.detach() @ column.mT).logsumexp(-1).sum(), column)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_of_equal_columns_the_first_is_nearest() -> None:
    ties = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]])
    column = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]])
    for size in (1, 2, 3):
        found = log_sum_exp_of_product(ties, column, None, Request(Tiling(size, size, 0)))
        assert found.nearest.tolist() == [[1, 0, 2, 1]]
