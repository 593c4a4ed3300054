"""The identities of the bridge (research table 3.2, a to o): float64, values and gradients to 1e-10."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge import (
    Context,
    HardWeighted,
    Matching,
    MovingAverage,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    QueuePseudoLabels,
    Tasks,
    WeightedSum,
    cosine,
    decoupled,
    dot,
    given,
    leave_one_out,
    raw,
    split,
    squared_euclidean,
    swap,
    unit_norm,
)
from metaclr.bridge.losses.align_uniform import uniformity
from metaclr.heads.ridge import dual_weights, primal_weights

TAU = 0.2
Loss = Callable[[Tensor], Tensor]


def dual_scores(query: Tensor, support: Tensor, regularizer: float) -> Tensor:
    return query @ dual_weights(support, regularizer).mT


def primal_scores(query: Tensor, support: Tensor, regularizer: float) -> Tensor:
    return query @ primal_weights(support, regularizer).mT


def batch(tasks: int = 1, ways: int = 16, views: int = 2, dim: int = 32, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(tasks, ways, views, dim, dtype=torch.float64, generator=source)


def with_gradient(loss: Loss, z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    value = loss(z)
    return value.detach(), torch.autograd.grad(value, z)[0]


def agree(one: Loss, other: Loss, z: Tensor) -> None:
    """Same value and same gradient."""
    for mine, theirs in zip(with_gradient(one, z), with_gradient(other, z), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def bridge(context: Context | None = None, **settings: object) -> Loss:
    module = Objective(**settings).build(32)  # type: ignore[arg-type]
    return lambda z: module(z, context)


def nt_xent(z: Tensor) -> Tensor:
    """The plain matrix form of SimCLR, two views."""
    rows = F.normalize(z[0].transpose(0, 1).flatten(0, 1), dim=-1)
    logits = (rows @ rows.T / TAU).masked_fill(torch.eye(len(rows), dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(len(rows)).roll(len(rows) // 2))


def info_nce(z: Tensor) -> Tensor:
    a, b = F.normalize(z[0], dim=-1).unbind(1)
    logits, target = a @ b.T / TAU, torch.arange(len(a))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def test_a_symmetric_infonce_is_two_swapped_prototype_episodes() -> None:
    proto = bridge(roles=swap, head=Prototypes(squared_euclidean), temperature=2 * TAU)
    agree(info_nce, proto, batch())
    agree(info_nce, bridge(roles=swap, head=Pairs(dot), temperature=TAU), batch())
    agree(info_nce, bridge(roles=swap, head=Prototypes(cosine), embedding=raw, temperature=TAU), batch())


def test_b_metacontrastive_prototypes_at_flag_t_are_one_way_infonce_at_half() -> None:
    t = 0.1

    def as_coded(z: Tensor) -> Tensor:
        support, query = (F.normalize(z[0], dim=-1) / t**0.5).unbind(1)
        return F.cross_entropy(-torch.cdist(query, support).square(), torch.arange(len(query)))

    agree(as_coded, bridge(roles=split, head=Prototypes(squared_euclidean), temperature=t), batch())
    agree(as_coded, bridge(roles=split, head=Pairs(dot), temperature=t / 2), batch())


@pytest.mark.parametrize("head", [Pairs(dot), Matching(dot), Pairs(cosine)])
def test_c_ntxent_is_leave_one_out_matching(head: Pairs | Matching) -> None:
    agree(nt_xent, bridge(roles=leave_one_out, head=head, temperature=TAU), batch())
    labels = Context(labels=torch.arange(16)[None])  # SupCon with instance labels
    agree(nt_xent, bridge(labels, labels=given, roles=leave_one_out, head=head, temperature=TAU), batch())


@pytest.mark.parametrize("views", [1, 2, 4])
def test_d_matching_plus_log_of_positives_is_supcon_in(views: int) -> None:
    labels = torch.arange(16)[None] % 5
    rows = labels[0].repeat_interleave(views)
    positive = (rows[:, None] == rows) & ~torch.eye(len(rows), dtype=torch.bool)

    def supcon_in(z: Tensor) -> Tensor:
        unit = F.normalize(z[0].flatten(0, 1), dim=-1)
        logits = (unit @ unit.T / TAU).masked_fill(torch.eye(len(rows), dtype=torch.bool), float("-inf"))
        return -((logits.softmax(-1) * positive).sum(-1) / positive.sum(-1)).log().mean()

    count = positive.sum(-1).double().log().mean()
    settings = {"labels": given, "roles": leave_one_out, "temperature": TAU}
    matching = bridge(Context(labels=labels), head=Matching(dot), **settings)
    out = bridge(Context(labels=labels), head=Pairs(dot), **settings)
    z = batch(views=views)
    agree(supcon_in, lambda z: matching(z) + count, z)
    assert supcon_in(z) < out(z)  # Jensen


def test_e_supcon_out_has_a_prototype_numerator_and_a_sample_denominator() -> None:
    def by_prototype(z: Tensor) -> Tensor:
        unit = F.normalize(z[0], dim=-1)
        rest = (unit.sum(1, keepdim=True) - unit) / (z.shape[2] - 1)
        rows = unit.flatten(0, 1)
        logits = (rows @ rows.T / TAU).masked_fill(torch.eye(len(rows), dtype=torch.bool), float("-inf"))
        return (torch.logsumexp(logits, -1) - (unit * rest).sum(-1).flatten() / TAU).mean()

    agree(by_prototype, bridge(head=Pairs(dot), temperature=TAU), batch(views=4))


def test_f_mean_pairwise_ntxent_is_not_supcon_out() -> None:
    z = batch(views=4)
    pairs = [(a, b) for a in range(4) for b in range(a)]
    pairwise = torch.stack([nt_xent(z[:, :, [a, b]]) for a, b in pairs]).mean()
    assert bridge(temperature=TAU)(z) - pairwise > 0.3  # the denominators differ


def test_g_three_prototype_similarities_differ_and_squared_euclid_is_dot_with_a_bias() -> None:
    def biased_dot(z: Tensor) -> Tensor:
        unit = F.normalize(z[0], dim=-1)
        means, queries = unit[:, :3].mean(1), unit[:, 3:].flatten(0, 1)
        logits = queries @ means.T / TAU - means.square().sum(-1) / (2 * TAU)
        return F.cross_entropy(logits, torch.arange(16).repeat_interleave(z.shape[2] - 3))

    z, three = batch(views=5), Context(shot=3)
    square = bridge(three, roles=split, head=Prototypes(squared_euclidean), temperature=2 * TAU)
    agree(biased_dot, square, z)
    values = [square(z)] + [bridge(three, roles=split, head=Prototypes(k), temperature=TAU)(z) for k in (dot, cosine)]
    assert min((a - b).abs() for a in values for b in values if a is not b) > 1e-3


def test_h_prototypes_are_a_linear_layer() -> None:
    def linear(z: Tensor) -> Tensor:
        means, queries = z[0, :, :3].mean(1), z[0, :, 3:].flatten(0, 1)
        logits = F.linear(queries, 2 * means, -means.square().sum(-1))
        return F.cross_entropy(logits, torch.arange(16).repeat_interleave(2))

    proto = bridge(Context(shot=3), roles=split, embedding=raw, head=Prototypes(squared_euclidean), temperature=1.0)
    agree(linear, proto, batch(views=5))


def test_h_both_layers_have_the_same_nearest_class() -> None:
    means, queries = batch(views=3)[0].mean(1), batch(views=3, seed=1)[0].flatten(0, 1)
    linear = F.linear(queries, 2 * means, -means.square().sum(-1))
    square = squared_euclidean(queries[None], means[None], 1.0)[0]
    assert torch.equal(linear.argmax(-1), square.argmax(-1))
    shift = queries.square().sum(-1, keepdim=True)
    torch.testing.assert_close(linear - square, shift.expand(-1, 16), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 2, 32), (16, 3, 8)])
def test_i_ridge_primal_is_dual(shape: tuple[int, int, int]) -> None:
    ways, shots, dim = shape
    support, query = batch(2, ways, shots, dim), batch(2, ways, 2, dim, seed=1).flatten(1, 2)
    torch.testing.assert_close(
        dual_scores(query, support, 50.0), primal_scores(query, support, 50.0), rtol=1e-10, atol=1e-12
    )
    agree(
        lambda s: dual_scores(query, s, 50.0).square().sum(),
        lambda s: primal_scores(query, s, 50.0).square().sum(),
        support,
    )
    agree(
        lambda q: dual_scores(q, support, 50.0).exp().sum(),
        lambda q: primal_scores(q, support, 50.0).exp().sum(),
        query,
    )


def test_j_ridge_with_a_large_regulariser_is_a_dot_prototype_head() -> None:
    support, query = batch(1, 8, 3), batch(1, 8, 2, seed=1).flatten(1, 2)
    expected = 3 * query @ support.mean(2).mT
    errors = [(big * dual_scores(query, support, big) - expected).abs().max().item() for big in (1e6, 1e8)]
    assert errors[0] < 2e-2
    assert errors[1] < errors[0] / 50  # it falls like 1 / lambda

    def scaled(support: Tensor, big: float = 1e8) -> Tensor:
        return (big * dual_scores(query, support, big)).square().sum()

    slopes = [with_gradient(loss, support)[1] for loss in (scaled, lambda s: (3 * query @ s.mean(2).mT).square().sum())]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-5 * float(slopes[1].abs().max()))


def test_k_moco_is_an_episode_with_queue_entries_as_classes() -> None:
    keys = F.normalize(batch(ways=12, seed=5)[0, :, 0], dim=-1)
    target = batch(seed=7)
    module = Objective(roles=split, temperature=TAU, negatives=Queue(12)).build(32).double()
    module.negatives.queue.push(keys)
    module.eval()

    def moco(z: Tensor) -> Tensor:
        query, key = F.normalize(z[0, :, 1], dim=-1), F.normalize(target[0, :, 0], dim=-1)
        logits = torch.cat([(query * key).sum(-1, keepdim=True), query @ keys.T], -1) / TAU
        return F.cross_entropy(logits, torch.zeros(16, dtype=torch.int64))

    agree(moco, lambda z: module(z, Context(momentum_embeddings=target)), batch())


def test_l_psco_supervised_term_is_cross_set_supcon() -> None:
    target, shots = batch(seed=7), 3
    queue = F.normalize(batch(ways=48, seed=5)[0, :, 0], dim=-1)
    settings = Objective(labels=QueuePseudoLabels(shots=shots, size=48), roles=split, head=Pairs(dot), temperature=1.0)
    module = settings.build(32).double()
    module.labels.queue.push(queue)
    module.eval()

    def cross_set(z: Tensor) -> Tensor:
        query, keys = F.normalize(z[0, :, 1], dim=-1), F.normalize(target[0, :, 0], dim=-1)
        plan = keys @ queue.T / 0.05
        for _ in range(3):
            plan = plan.log_softmax(0)
            plan = plan.log_softmax(1)
        support = queue[plan.topk(shots).indices].flatten(0, 1)
        labels = torch.arange(16).repeat_interleave(shots)
        log_probability = (query @ support.T).log_softmax(-1)
        positive = torch.arange(16)[:, None] == labels
        return -((log_probability * positive).sum(-1) / shots).mean()

    agree(cross_set, lambda z: module(z, Context(momentum_embeddings=target)), batch())


def test_m_hcl_without_its_corrections_is_ntxent() -> None:
    agree(nt_xent, bridge(temperature=TAU, denominator=HardWeighted(beta=0.0, tau_plus=0.0)), batch())


def test_n_the_positives_gradient_is_the_sum_of_the_negatives() -> None:
    logits = batch(1, 16, 1, 16)[0, :, 0].requires_grad_()
    gradient = torch.autograd.grad(F.cross_entropy(logits, torch.arange(16), reduction="sum"), logits)[0]
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(16, dtype=torch.float64), atol=1e-12, rtol=0)
    # and so through the bridge: the gradient is blind to a shift of all logits
    z = batch()
    centered = bridge(roles=split, embedding=raw, head=Pairs(dot), temperature=1.0)
    away = torch.randn(32, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    shifted = z.clone()
    shifted[:, :, 0] += away  # every support row by the same vector: each query's logits move together
    torch.testing.assert_close(centered(z), centered(shifted), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("dim", "t", "optimum", "margin"),
    [
        (2, 2.0, -1.5750, 1e-2),
        (64, 2.0, -3.8752, 2e-3),
        (128, 2.0, -3.9375, 2e-3),
        (256, 2.0, -3.9688, 2e-3),
        (128, 1.0, -1.9844, 2e-3),
    ],
)
def test_o_uniformity_optimum(dim: int, t: float, optimum: float, margin: float) -> None:
    points = F.normalize(batch(1, 2000, 1, dim)[0, :, 0], dim=-1)
    # log E exp(-t |x - y|^2) of the uniform distribution: -2t + log 0F1(; d/2; t^2), |x - y|^2 = 2 - 2 x.y
    series, term = 0.0, 1.0
    for k in range(60):
        series += term
        term *= t**2 / ((k + 1) * (dim / 2 + k))
    assert log(series) - 2 * t == pytest.approx(optimum, abs=1e-4)
    assert uniformity(points, t).item() == pytest.approx(optimum, abs=margin)


def test_decoupled_is_running_at_gamma_one() -> None:
    images = Context(images=torch.arange(16)[None])
    running = Objective(temperature=TAU, denominator=MovingAverage(gamma=1.0)).build(32, dataset_size=16).double()
    for seed in range(2):
        agree(bridge(temperature=TAU, denominator=decoupled), lambda z: running(z, images), batch(seed=seed))


def test_ntxent_is_infonce_plus_the_query_query_negatives() -> None:
    """Research 3.1: L_NT = (L_E(a|b) + L_E(b|a)) / 2 + mean log(1 + B / A), and log 2 for random embeddings."""

    def decomposed(z: Tensor) -> Tensor:
        unit = F.normalize(z[0], dim=-1)
        extra = []
        for q, s in (unit.unbind(1), unit.flip(1).unbind(1)):
            across = (q @ s.T / TAU).logsumexp(-1)
            among = (q @ q.T / TAU).masked_fill(torch.eye(len(q), dtype=torch.bool), float("-inf")).logsumexp(-1)
            extra.append((among - across).exp().log1p().mean())
        return info_nce(z) + (extra[0] + extra[1]) / 2

    agree(bridge(temperature=TAU), decomposed, batch())
    gap = bridge(temperature=1.0)(wide := batch(ways=512)) - bridge(roles=swap, temperature=1.0)(wide)
    assert gap.item() == pytest.approx(log(2), abs=0.01)


def test_losses_at_different_way_are_not_comparable() -> None:
    z = batch(ways=32, dim=16)
    losses = [bridge(roles=split, tasks=Tasks(parts), temperature=TAU)(z).item() for parts in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[1] == pytest.approx(log(2), abs=0.1)
    whole = bridge(roles=split, temperature=TAU)
    parted = torch.stack([whole(z[:, 8 * part : 8 * part + 8]) for part in range(4)]).mean()
    torch.testing.assert_close(bridge(roles=split, tasks=Tasks(4), temperature=TAU)(z), parted)


def test_a_blend_is_the_weighted_sum() -> None:
    one, other = Objective(temperature=TAU), Objective(roles=swap, temperature=0.3)
    both = WeightedSum(((0.25, one), (2.0, other))).build(32)
    agree(both, lambda z: 0.25 * one.build(32)(z) + 2 * other.build(32)(z), batch())


def test_first_dimensions_are_all_that_directclr_sees() -> None:
    first = bridge(embedding=replace(unit_norm, first=8))
    agree(first, lambda z: bridge()(z[..., :8]), batch())
