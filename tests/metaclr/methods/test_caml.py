"""CAML: the simplex of labels, and a head that does not depend on the order of the support and learns to read it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metaclr import methods
from metaclr.bridge import Context
from metaclr.errors import UserError
from metaclr.heads.in_context import InContextTransformer
from metaclr.heads.label_codes import simplex


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def transformer() -> InContextTransformer:
    torch.manual_seed(0)
    return InContextTransformer(5, codes=6, width=16, heads=2, layers=3, mlp=10, labels="simplex").double()


@pytest.mark.parametrize(("corners", "dims"), [(2, 2), (5, 8), (32, 64)])
def test_label_vectors_are_the_corners_of_a_regular_simplex(corners: int, dims: int) -> None:
    products = simplex(corners, dims).double() @ simplex(corners, dims).double().mT
    expected = torch.full((corners, corners), -1 / (corners - 1), dtype=torch.float64).fill_diagonal_(1.0)
    torch.testing.assert_close(products, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(simplex(corners, dims).sum(0), torch.zeros(dims), rtol=0, atol=1e-5)


def test_label_vectors_are_fixed_and_everything_else_is_trained() -> None:
    network = transformer()
    assert "label" not in dict(network.named_parameters())
    network.fit(draw(2, 4, 2, 5)).logits(draw(2, 3, 5)).logsumexp(-1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("way", "shot"), [(2, 3), (4, 1), (6, 2)])  # below, at and above the ways of most tasks
def test_the_order_of_the_support_does_not_matter(way: int, shot: int) -> None:
    network, support, query = transformer(), draw(3, way, shot, 5), draw(3, 7, 5, seed=1)
    plain = network.fit(support).logits(query)
    assert plain.shape == (3, 7, way)
    torch.testing.assert_close(network.fit(support.flip(2)).logits(query), plain, rtol=1e-10, atol=1e-10)
    order = torch.randperm(way, generator=torch.Generator().manual_seed(2)).expand(3, -1)
    permuted = network.fit_coded(support[:, order[0]], order).logits(query)  # each way keeps its label vector
    torch.testing.assert_close(permuted, plain[..., order[0]], rtol=1e-10, atol=1e-10)


def test_a_simplex_needs_as_many_dimensions() -> None:
    with pytest.raises(UserError, match="codes = 9 corners needs 2 to 8"):
        InContextTransformer(5, codes=9, width=16, heads=2, layers=1, mlp=4, labels="simplex")
    with pytest.raises(UserError, match=r"head\.labels = 'onehot' must be"):
        methods.get("caml").objective.build(5, **{"head.labels": "onehot"})


def test_it_learns_to_read_a_support_whatever_the_label_vectors() -> None:
    """Blobs at new places each step; then ways with other label vectors are told apart as well as with the first."""
    settings = {"codes": 8, "width": 32, "head.mlp": 32, "tasks.tasks": 16}
    module = methods.get("caml").objective.build(4, seed=0, **settings)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    source = torch.Generator().manual_seed(0)

    def batch() -> Tensor:
        return 2 * torch.randn(1, 24, 1, 4, generator=source) + 0.3 * torch.randn(1, 24, 4, 4, generator=source)

    losses = []
    for _ in range(150):
        loss = module(batch(), Context(shot=1, labels=torch.arange(24)[None]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.6 * math.log(5)
    z, network = batch()[:, :20].reshape(4, 5, 4, 4), module.head
    accuracies = []
    for code in (torch.arange(5), torch.tensor([7, 5, 3, 6, 1])):
        classifier = network.fit_coded(z[:, :, :1], code.expand(4, -1))  # type: ignore[operator, union-attr]
        found = classifier.logits(z[:, :, 1:].flatten(1, 2)).argmax(-1)
        accuracies.append(float((found == torch.arange(5).repeat_interleave(3)).float().mean()))
    assert min(accuracies) > 0.6
