"""easyfsl's classifiers on the same features: prototypical, matching and relation networks.

Where its definition is another one, the test says how the two differ and checks that relation.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge import (
    Context,
    Matching,
    Objective,
    Prototypes,
    Relation,
    SquaredError,
    cosine,
    raw,
    semi_normalized,
    split,
    squared_euclidean,
)
from metaclr.heads import Head, get_head
from tests.parity.agreement import INSTALL, SIZES, agree, bridge, draw, with_gradient

pytest.importorskip("easyfsl", reason=INSTALL)
from easyfsl.methods import MatchingNetworks, PrototypicalNetworks, RelationNetworks, SimpleShot

EPISODES = [(size, shot) for size in SIZES for shot in range(1, size[1])]


def episode(z: Tensor, shot: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Support rows, their ways, query rows, their ways."""
    ways = torch.arange(z.shape[1])
    support, query = z[0, :, :shot], z[0, :, shot:]
    return (
        support.flatten(0, 1),
        ways.repeat_interleave(shot),
        query.flatten(0, 1),
        ways.repeat_interleave(len(query[0])),
    )


@pytest.mark.parametrize(("size", "shot"), EPISODES)
def test_prototypical_networks(size: tuple[int, int, int], shot: int) -> None:
    """Their score is minus the distance, not its square: ours is minus the square of theirs."""

    def theirs(z: Tensor) -> Tensor:
        support, ways, query, target = episode(z, shot)
        network = PrototypicalNetworks(nn.Identity())
        network.process_support_set(support, ways)
        return F.cross_entropy(-network(query).square(), target)

    mine = Objective(roles=split, embedding=raw, head=Prototypes(squared_euclidean), temperature=1.0)
    agree(bridge(mine, Context(shot=shot)), theirs, draw(size), rtol=1e-9)


@pytest.mark.parametrize(("size", "shot"), EPISODES)
def test_simple_shot_is_a_cosine_prototype_head(size: tuple[int, int, int], shot: int) -> None:
    def theirs(z: Tensor) -> Tensor:
        support, ways, query, target = episode(z, shot)
        network = SimpleShot(nn.Identity())
        network.process_support_set(support, ways)
        return F.cross_entropy(network(query) / 0.3, target)

    mine = Objective(roles=split, embedding=raw, head=Prototypes(cosine), temperature=0.3)
    agree(bridge(mine, Context(shot=shot)), theirs, draw(size))


class NoContext(nn.Module):
    """In place of their LSTMs: a hidden state of zeros, which they add to the features."""

    def forward(self, features: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        if state is None:
            return torch.cat([features, features], -1) * 0, features
        return state[0] * 0, state[1]


def class_probabilities(network: MatchingNetworks, z: Tensor, shot: int) -> Tensor:
    """Of each query's own class: they add 1e-6 under their logarithm, which is taken off again."""
    support, ways, query, target = episode(z, shot)
    network.process_support_set(support, ways)
    network.one_hot_support_labels = network.one_hot_support_labels.double()
    return (network(query).exp() - 1e-6)[torch.arange(len(query)), target]


MATCHING = Objective(roles=split, embedding=raw, head=Matching(semi_normalized), temperature=1.0)


@pytest.mark.parametrize(("size", "shot"), EPISODES)
def test_matching_networks_without_context(size: tuple[int, int, int], shot: int) -> None:
    """Their queries are not normalized: semi-normalized similarities at temperature 1, not cosines."""
    without = NoContext()
    network = MatchingNetworks(
        nn.Identity(), feature_dimension=size[-1], support_encoder=without, query_encoder=without
    )

    def theirs(z: Tensor) -> Tensor:
        return -class_probabilities(network, z, shot).log().mean()

    agree(bridge(MATCHING, Context(shot=shot)), theirs, draw(size), rtol=1e-9)


@pytest.mark.parametrize(("size", "shot"), EPISODES[1:])
def test_matching_networks_with_context(size: tuple[int, int, int], shot: int) -> None:
    """With their LSTMs: ours on the features that come out of them (full-context embeddings are an encoder's)."""
    torch.manual_seed(0)
    network = MatchingNetworks(nn.Identity(), feature_dimension=size[-1]).double()

    def theirs(z: Tensor) -> Tensor:
        return -class_probabilities(network, z, shot).log().mean()

    def mine(z: Tensor) -> Tensor:
        support, ways, query, _ = episode(z, shot)
        network.process_support_set(support, ways)
        encoded = [network.contextualized_support_features, network.encode_query_features(query)]
        both = torch.cat([rows.unflatten(0, (size[0], -1)) for rows in encoded], 1)
        return bridge(MATCHING, Context(shot=shot))(both[None])

    agree(mine, theirs, draw(size), rtol=1e-9)
    plain = bridge(MATCHING, Context(shot=shot))(draw(size))
    assert abs(plain - mine(draw(size))) > 1e-4  # the context does something


@pytest.mark.parametrize(("size", "shot"), EPISODES)
def test_relation_networks_on_vectors(size: tuple[int, int, int], shot: int) -> None:
    """With our comparator as their relation module, on feature maps of one pixel; their loss is the mean square."""
    dim = size[-1]
    settings = Objective(
        roles=split, embedding=raw, head=Relation(hidden=7), temperature=1.0, denominator=SquaredError()
    )
    module = settings.build(dim).double()
    pair, score = nn.Linear(2 * dim, 7).double(), nn.Linear(7, 1).double()
    with torch.no_grad():  # they put the prototype first
        pair.weight.copy_(torch.cat([module.head.of_support.weight, module.head.of_query.weight], 1))
        pair.bias.copy_(module.head.of_query.bias)
    score.load_state_dict(module.head.score.state_dict())
    network = RelationNetworks(
        nn.Identity(),
        feature_dimension=dim,
        relation_module=nn.Sequential(nn.Flatten(), pair, nn.ReLU(), score, nn.Sigmoid()),
    )

    def theirs(z: Tensor) -> Tensor:
        support, ways, query, target = episode(z[..., None, None], shot)
        network.process_support_set(support, ways)
        return F.mse_loss(network(query), F.one_hot(target, size[0]).double())

    def mine(z: Tensor) -> Tensor:
        value: Tensor = module(z, Context(shot=shot))
        return value

    agree(mine, theirs, draw(size))
    mine(draw(size)).backward()
    theirs(draw(size)).backward()
    of_pair = torch.cat([module.head.of_support.weight.grad, module.head.of_query.weight.grad], 1)
    torch.testing.assert_close(pair.weight.grad, of_pair, rtol=1e-10, atol=1e-12)


def test_their_scores_rank_classes_as_ours_do() -> None:
    z = draw((20, 3, 16))
    support, ways, query, target = episode(z, 1)
    network = PrototypicalNetworks(nn.Identity())
    network.process_support_set(support, ways)
    module = Objective(roles=split, embedding=raw, head=Prototypes(squared_euclidean), temperature=1.0).build(16)
    with_gradient(module, z)
    accuracy = (network(query).argmax(-1) == target).double().mean()
    assert module.accuracy.item() == pytest.approx(accuracy.item())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("head", ["euclidean", "cosine"])
def test_evaluation_heads_choose_the_same_classes(head: str, size: tuple[int, int, int]) -> None:
    """All episodes at once against one classifier an episode; their features are brought to length 1 as ours are."""
    z = torch.cat([draw(size, seed) for seed in range(20)])
    named = get_head(head)
    assert isinstance(named.head, Head)
    z = named.transform(z)
    scores = named.head.fit(z[:, :, :-1]).logits(z[:, :, -1])
    for task, mine in zip(z, scores, strict=True):
        support, ways, query, _ = episode(task[None], size[1] - 1)
        network = PrototypicalNetworks(nn.Identity()) if head == "euclidean" else SimpleShot(nn.Identity())
        network.process_support_set(support, ways)
        assert torch.equal(mine.argmax(-1), network(query).argmax(-1))
