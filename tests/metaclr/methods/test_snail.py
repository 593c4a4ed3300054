"""SNAIL: the layers against convolutions and attention of torch over the whole sequence of each query; its order."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr import methods
from metaclr.bridge import Context
from metaclr.errors import UserError
from metaclr.heads.snail import CausalAttention, DenseBlock, SnailNetwork


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network() -> SnailNetwork:
    torch.manual_seed(0)
    return SnailNetwork(5, codes=6, filters=8, length=9).double()


def convolved(block: DenseBlock, sequence: Tensor) -> Tensor:
    """A dense block by torch's dilated convolution on (W, S), padded on the left."""
    kernel = torch.stack([block.before.weight, block.here.weight], -1)
    padded = F.pad(sequence[None], (block.dilation, 0))
    value, gate = F.conv1d(padded, kernel, block.here.bias, dilation=block.dilation)[0].chunk(2)
    return torch.cat([sequence, value.tanh() * gate.sigmoid()])


def attended(block: CausalAttention, sequence: Tensor) -> Tensor:
    query, key, value = block.read(sequence.mT).split(block.sizes, -1)
    scores = (query @ key.mT / math.sqrt(key.shape[-1])).masked_fill(
        torch.ones(len(query), len(query)).triu(1) > 0, -math.inf
    )
    return torch.cat([sequence, (scores.softmax(-1) @ value).mT])


def by_sequences(module: SnailNetwork, support: Tensor, query: Tensor) -> Tensor:
    """Logits (R, N) of one episode: one sequence for each query, the query last, with zeros for its label."""
    way, shot = support.shape[:2]
    rows = [
        torch.cat([support[n, k], F.one_hot(torch.tensor(n), module.codes)]) for k in range(shot) for n in range(way)
    ]
    logits = []
    for one in query:
        sequence = torch.stack([*rows, F.pad(one, (0, module.codes))]).mT
        for block in module.blocks:
            sequence = (attended if isinstance(block, CausalAttention) else convolved)(block, sequence)  # type: ignore[operator]
        logits.append(module.score(sequence[:, -1])[:way])
    return torch.stack(logits)


@pytest.mark.parametrize(("way", "shot"), [(5, 1), (3, 4), (1, 2), (6, 3)])
def test_logits_are_those_of_a_sequence_for_each_query(way: int, shot: int) -> None:
    module, support, query = network(), draw(2, way, shot, 5), draw(2, 7, 5, seed=1)
    found = module.fit(support).logits(query)
    expected = torch.stack([by_sequences(module, s, q) for s, q in zip(support, query, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_layers_are_the_authors() -> None:
    """Omniglot, 5-way 1-shot, 128 filters: attention (64, 32), (256, 128), (512, 256), 3 convolutions between them."""
    module = SnailNetwork(64, codes=5, filters=128, length=6)
    attention = [block.sizes[1:] for block in module.blocks if isinstance(block, CausalAttention)]
    assert attention == [(64, 32), (256, 128), (512, 256)]
    dilations = [block.dilation for block in module.blocks if isinstance(block, DenseBlock)]
    assert dilations == [1, 2, 4, 1, 2, 4]
    output = module.score[-1]
    assert isinstance(output, nn.Linear)
    assert output.in_features == 64 + 5 + 32 + 3 * 128 + 128 + 3 * 128 + 256


def test_the_order_of_the_support_matters() -> None:
    """As the file says: of shots, since convolutions see the distance of two examples."""
    module, support, query = network(), draw(1, 4, 3, 5), draw(1, 7, 5, seed=1)
    plain = module.fit(support).logits(query)
    assert (module.fit(support.flip(2)).logits(query) - plain).abs().max() > 1e-3


def test_queries_do_not_see_each_other_and_ways_are_limited() -> None:
    module, support, query = network(), draw(1, 3, 2, 5), draw(1, 6, 5, seed=1)
    together = module.fit(support).logits(query)
    torch.testing.assert_close(module.fit(support).logits(query[:, 2:3]), together[:, 2:3])
    with pytest.raises(UserError, match=r"6 label codes cannot tell 7 ways apart; set head\.codes=7"):
        module.fit(draw(1, 7, 1, 5))
    with pytest.raises(UserError, match=r"head\.filters = 2 must be at least 4"):
        methods.get("snail").objective.build(5, filters=2)


def test_it_learns_to_read_a_support() -> None:
    module = methods.get("snail").objective.build(4, seed=0, codes=8, filters=16, length=8, **{"tasks.tasks": 16})
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    source, losses = torch.Generator().manual_seed(0), []
    for _ in range(150):
        z = 2 * torch.randn(1, 24, 1, 4, generator=source) + 0.3 * torch.randn(1, 24, 4, 4, generator=source)
        loss = module(z, Context(shot=1, labels=torch.arange(24)[None]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.8 * math.log(5)
