"""CAMeLU: the transformer by a loop over queries and tokens; order, label vectors, way; mixed queries."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import Episode, mix_queries
from metaclr import methods
from metaclr.bridge import Context, InContext, Objective, raw, split
from metaclr.bridge.heads.label_codes import draw_codes
from metaclr.errors import UserError
from metaclr.heads.in_context import InContextTransformer

SMALL = {"codes": 6, "width": 8, "heads": 2, "layers": 2, "mlp": 10}


def transformer(seed: int = 0) -> InContextTransformer:
    torch.manual_seed(seed)
    return InContextTransformer(5, **SMALL).double()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def normed(norm: torch.nn.LayerNorm, token: Tensor) -> Tensor:
    centered = token - token.mean()
    return centered / torch.sqrt((centered**2).mean() + norm.eps) * norm.weight + norm.bias


def attended(block: torch.nn.Module, token: Tensor, seen: list[Tensor]) -> Tensor:
    """One token after a block, one head after the other."""
    width = len(token)
    each = width // block.heads  # type: ignore[operator]

    def projected(one: Tensor) -> Tensor:
        return block.projections.weight @ normed(block.norm, one) + block.projections.bias  # type: ignore[union-attr, return-value, arg-type]

    heads = []
    for h in range(block.heads):  # type: ignore[arg-type]
        at = [slice(part * width + h * each, part * width + (h + 1) * each) for part in range(3)]
        query = projected(token)[at[0]]
        scores = [float(query @ projected(one)[at[1]]) / math.sqrt(each) for one in seen]
        weights = [math.exp(score) for score in scores]
        heads.append(sum(w * projected(one)[at[2]] for w, one in zip(weights, seen, strict=True)) / sum(weights))
    after = token + block.merge(torch.cat(heads))  # type: ignore[operator]
    norm, first, gelu, second = block.mlp  # type: ignore[misc]
    return after + second(gelu(first(normed(norm, after))))  # type: ignore[no-any-return]


def by_loop(network: InContextTransformer, support: Tensor, query: Tensor) -> Tensor:
    """Logits (R, N) of one episode: support (N, K, D), query (R, D)."""
    tokens = [torch.cat([network.content(row), network.label[way]]) for way, rows in enumerate(support) for row in rows]
    asked = [torch.cat([network.content(row), network.unknown]) for row in query]
    for block in network.blocks:
        asked = [attended(block, token, [*tokens, token]) for token in asked]
        tokens = [attended(block, token, tokens) for token in tokens]
    return torch.stack([network.out(normed(network.norm, token))[: len(support)] for token in asked])


def test_logits_are_those_of_the_loop() -> None:
    network, support, query = transformer(), draw(2, 4, 3, 5), draw(2, 7, 5, seed=1)
    with torch.no_grad():
        found = network.fit(support).logits(query)
        expected = torch.stack([by_loop(network, s, q) for s, q in zip(support, query, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_the_order_of_shots_and_ways_does_not_matter() -> None:
    network, support, query = transformer(), draw(1, 4, 3, 5), draw(1, 7, 5, seed=1)
    plain = network.fit(support).logits(query)
    torch.testing.assert_close(network.fit(support.flip(2)).logits(query), plain)
    code = torch.tensor([[2, 0, 3, 1]])
    permuted = network.fit_coded(support[:, code[0]], code).logits(query)  # each way keeps its label vector
    torch.testing.assert_close(permuted, plain[..., code[0]])


def test_a_query_does_not_see_the_others() -> None:
    network, support, query = transformer(), draw(1, 3, 2, 5), draw(1, 6, 5, seed=1)
    together = network.fit(support).logits(query)
    torch.testing.assert_close(network.fit(support).logits(query[:, 2:3]), together[:, 2:3])


def test_more_ways_than_label_vectors_are_refused() -> None:
    with pytest.raises(UserError, match=r"6 label vectors cannot tell 7 ways apart; set head\.codes=7"):
        transformer().fit(draw(1, 7, 1, 5))
    with pytest.raises(UserError, match=r"multiple of 2 head\.heads = 6"):
        InContextTransformer(5, **{**SMALL, "heads": 3})


def objective() -> torch.nn.Module:
    settings = Objective(roles=split, embedding=raw, head=InContext(**SMALL), temperature=1.0)
    return settings.build(5, seed=3).double()


def test_the_loss_is_cross_entropy_over_the_ways() -> None:
    module, z = objective().eval(), draw(2, 4, 3, 5)
    with torch.no_grad():
        logits = module.head.fit(z[:, :, :2]).logits(z[:, :, 2])  # type: ignore[operator, union-attr]
        expected = F.cross_entropy(logits.flatten(0, 1), torch.arange(4).repeat(2))
        torch.testing.assert_close(module(z, Context(shot=2)), expected)


def test_label_vectors_are_drawn_for_each_task_and_all_are_trained() -> None:
    module, z = objective(), draw(2, 4, 3, 5)
    head = module.head
    first, second = (draw_codes(3, head.calls, 6, 2, 4) for _ in range(2))  # type: ignore[arg-type, union-attr]
    assert torch.equal(first, second)
    assert all(len(set(of_task)) == 4 for of_task in first.tolist())
    for _ in range(6):
        module(z, Context(shot=2)).backward()
    assert int(head.calls) == 6  # type: ignore[arg-type, union-attr]
    assert (head.label.grad.abs().sum(1) > 0).all()  # type: ignore[union-attr]
    again = objective()
    torch.testing.assert_close(again(z, Context(shot=2)), objective()(z, Context(shot=2)))


def test_queries_are_mixed_with_less_than_half_of_another_way() -> None:
    pixels = torch.rand(3, 5, 4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    index = torch.arange(15).view(3, 5, 1).expand(3, 5, 4)
    episode = Episode(index, torch.arange(4).expand(3, 5, 4), index[..., 0], shot=3, step=7)
    mixed = mix_queries(pixels, episode, seed=1)
    assert torch.equal(mixed[:, :, :3], pixels[:, :, :3])
    shares = []
    for task in range(3):
        fits = []
        for other in range(5):  # least squares for lam in q - x = lam (x' - x), x' of way 0 + other
            if other:
                x, y = pixels[task, 0, 3], pixels[task, other, 3]
                lam = float(((mixed[task, 0, 3] - x) * (y - x)).sum() / (y - x).square().sum())
                error = float((mixed[task, 0, 3] - torch.lerp(x, y, lam)).abs().max())
                fits.append((error, lam, other))
        error, lam, other = min(fits)
        assert error < 1e-6
        shares.append(lam)
        for way in range(5):
            expected = torch.lerp(pixels[task, way, 3], pixels[task, (way + other) % 5, 3], lam)
            torch.testing.assert_close(mixed[task, way, 3], expected, rtol=1e-5, atol=1e-5)
    assert all(0.01 <= lam < 0.499 for lam in shares)
    assert len(set(shares)) == 3
    part = Episode(index[1:], episode.views[1:], episode.labels[1:], shot=3, step=7)  # as another rank has it
    assert torch.equal(mix_queries(pixels[1:], part, seed=1), mixed[1:])
    one = Episode(index[:, :1], episode.views[:, :1], episode.labels[:, :1], shot=3)
    assert torch.equal(mix_queries(pixels[:, :1], one, seed=1), pixels[:, :1])


def test_it_learns_to_read_a_support() -> None:
    """Tasks of Gaussian blobs at new places each step: half of the loss at chance within 150 steps."""
    settings = Objective(roles=split, embedding=raw, head=InContext(codes=6, width=32, mlp=32), temperature=1.0)
    module = settings.build(4, seed=0)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    source, losses = torch.Generator().manual_seed(0), []
    for _ in range(150):
        centers = 2 * torch.randn(16, 5, 1, 4, generator=source)
        z = centers + 0.3 * torch.randn(16, 5, 4, 4, generator=source)
        loss = module(z, Context(shot=2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.5 * math.log(5)


def test_the_method_mixes_its_queries() -> None:
    method = methods.get("camelu")
    assert method.task_transform == "mixed_queries"
    assert (method.way, method.shot, method.query) == (8, 3, 1)
