"""Every bridge formula against its slow loop version, over a grid of sizes and temperatures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from metaclr.bridge import (
    SVM,
    Context,
    Decoupled,
    Embedding,
    HardestNegatives,
    HardWeighted,
    Matching,
    MovingAverage,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    Relation,
    Ridge,
    SimilarityThreshold,
    SimpleContrastive,
    SquaredError,
    cosine,
    decoupled,
    dot,
    given,
    leave_one_out,
    raw,
    semi_normalized,
    split,
    squared_euclidean,
    swap,
    unit_norm,
    within_class,
)
from metaclr.heads.svm import svm_dual
from tests import reference

KERNELS = {
    dot: reference.dot,
    cosine: reference.cosine,
    semi_normalized: reference.semi_normalized,
    squared_euclidean: reference.squared_euclidean,
}
SIZES = [(2, 2, 3), (5, 2, 4), (4, 3, 6), (3, 4, 2)]
TEMPERATURES = [0.07, 0.5, 2.0]


def draw(ways: int, views: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(1, ways, views, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def value(settings: Objective, z: Tensor, context: Context | None = None, **build: int) -> float:
    return float(settings.build(z.shape[-1], **build).double()(z, context))


def close(mine: float, theirs: float) -> None:
    assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tau", TEMPERATURES)
def test_leave_one_out(size: tuple[int, int, int], tau: float) -> None:
    z = draw(*size)
    unit = reference.unit(z[0])
    close(value(Objective(temperature=tau), z), reference.supcon_out(unit, tau=tau))
    close(value(Objective(temperature=tau, head=Matching(dot)), z), reference.matching_out(unit, tau=tau))
    close(value(Objective(temperature=tau, denominator=decoupled), z), reference.dcl(unit, tau))
    close(value(Objective(temperature=tau, denominator=Decoupled(0.5)), z), reference.dclw(unit, tau, 0.5))
    close(
        value(Objective(temperature=tau, denominator=SimpleContrastive()), z),
        reference.simple_contrastive(unit, None, tau),
    )
    close(
        value(Objective(temperature=tau, denominator=SimpleContrastive(0.3)), z),
        reference.simple_contrastive(unit, 0.3, tau),
    )


@pytest.mark.parametrize("tau", TEMPERATURES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_leave_one_out_with_labels(kernel: object, tau: float) -> None:
    z, labels = draw(6, 2, 4), [0, 1, 0, 2, 1, 0]
    context = Context(labels=torch.tensor([labels]))
    theirs = KERNELS[kernel]  # type: ignore[index]
    for head, loss in ((Pairs, reference.supcon_out), (Matching, reference.matching_out)):
        settings = Objective(labels=given, embedding=raw, head=head(kernel), temperature=tau)
        close(value(settings, z, context), loss(z[0], labels, tau, theirs))


def test_anchors_without_a_positive_do_not_count() -> None:
    z, labels = draw(5, 1, 4), [0, 1, 0, 2, 1]
    context = Context(labels=torch.tensor([labels]))
    unit = reference.unit(z[0])
    for head, loss in ((Pairs, reference.supcon_out), (Matching, reference.matching_out)):
        module = Objective(labels=given, head=head(dot)).build(4)
        z = z.clone().requires_grad_()
        mine = module(z, context)
        close(float(mine.detach()), loss(unit, labels))
        assert bool(torch.autograd.grad(mine, z)[0].isfinite().all())


@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0])
@pytest.mark.parametrize(("beta", "tau_plus"), [(0.0, 0.1), (1.0, 0.0), (1.0, 0.1), (2.0, 0.3), (0.5, 0.9)])
def test_hard_weighted(tau: float, beta: float, tau_plus: float) -> None:
    for ways in (2, 5):
        z = draw(ways, 2, 3)
        settings = Objective(temperature=tau, denominator=HardWeighted(beta, tau_plus))
        close(value(settings, z), reference.hcl(reference.unit(z[0]), tau, beta, tau_plus))


@pytest.mark.parametrize("tau", TEMPERATURES)
def test_hardest_and_above(tau: float) -> None:
    z = draw(6, 2, 3)
    unit = reference.unit(z[0])
    close(
        value(Objective(temperature=tau, denominator=HardestNegatives(count=3)), z),
        reference.hard_contrastive(unit, tau, 3),
    )
    share = Objective(temperature=tau, denominator=HardestNegatives(share=0.4))  # 4 of 10
    close(value(share, z), reference.hard_contrastive(unit, tau, 4))
    cross_entropy = Objective(temperature=tau, denominator=HardestNegatives(share=1.0))
    close(value(cross_entropy, z), reference.supcon_out(unit, tau=tau))
    for threshold in (-1.0, 0.0, 0.5):
        settings = Objective(temperature=tau, denominator=SimilarityThreshold(threshold))
        close(value(settings, z), reference.hard_threshold(unit, tau, threshold))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 1.0])
def test_a_share_of_the_negatives_counts_negatives_only(share: float) -> None:
    """Not the query's own row, not its other positives, and no empty slot of a queue."""
    z, labels = draw(6, 2, 4), [0, 1, 0, 2, 1, 0]  # 6, 8 and 10 negatives
    losses = []
    for p, n in reference.anchors(reference.unit(z[0]), labels, 0.5, reference.dot):
        hardest = sorted(n)[-max(1, round(share * len(n))) :]
        losses.append(reference.log_sum_exp(p + hardest) - reference.mean(p))
    settings = Objective(labels=given, temperature=0.5, denominator=HardestNegatives(share))
    close(value(settings, z, Context(labels=torch.tensor([labels]))), reference.mean(losses))

    queue = (
        Objective(roles=split, temperature=0.5, negatives=Queue(64), denominator=HardestNegatives(share))
        .build(4)
        .double()
    )
    queue(draw(10, 2, 4, seed=1))
    unit, past = reference.unit(z[0]), reference.unit(draw(10, 2, 4, seed=1)[0, :, 0])
    losses = []
    for support, q in unit:
        hardest = sorted(reference.dot(q, k) / 0.5 for k in past)[-max(1, round(share * 10)) :]
        positive = reference.dot(q, support) / 0.5
        losses.append(reference.log_sum_exp([positive, *hardest]) - positive)
    close(float(queue(z)), reference.mean(losses))


def test_within_class() -> None:
    z, labels = draw(6, 2, 4), [0, 1, 0, 2, 1, 0]
    context = Context(labels=torch.tensor([labels]))
    mine = value(Objective(temperature=0.3, negatives=within_class), z, context)
    close(mine, reference.within_class(reference.unit(z[0]), labels, 0.3))


def test_running_over_several_steps() -> None:
    module = Objective(temperature=0.5, denominator=MovingAverage(0.7)).build(4, dataset_size=9).double()
    estimates: dict[int, float] = {}
    for step, images in enumerate([[3, 1, 4], [1, 5, 3], [8, 4, 1]]):
        z = draw(3, 2, 4, seed=step)
        before = [estimates.get(image) for image in images]
        theirs, after = reference.sogclr(reference.unit(z[0]), 0.5, 0.7, before)
        close(float(module(z, Context(images=torch.tensor([images])))), theirs)
        estimates.update(zip(images, after, strict=True))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("tau", TEMPERATURES)
def test_episodes(kernel: object, tau: float) -> None:
    theirs = KERNELS[kernel]  # type: ignore[index]
    for ways, views, shot in ((2, 2, 1), (4, 3, 2), (3, 5, 2)):
        z, context = draw(ways, views, 4), Context(shot=shot)
        for head, loss in (
            (Prototypes, reference.prototype_loss),
            (Matching, reference.matching_loss),
            (Pairs, reference.pairs_loss),
        ):
            settings = Objective(roles=split, embedding=raw, head=head(kernel), temperature=tau)
            close(value(settings, z, context), loss(z[0], shot, theirs, tau))


def test_swap_is_the_mean_over_choices_of_support() -> None:
    for views, shot in ((2, 1), (4, 1), (4, 2)):
        z, context = draw(3, views, 4), Context(shot=shot)
        settings = Objective(roles=swap, embedding=raw, head=Prototypes(squared_euclidean), temperature=1.0)
        theirs = reference.swapped(
            z[0], shot, lambda z, shot=shot: reference.prototype_loss(z, shot, reference.squared_euclidean, 1.0)
        )
        close(value(settings, z, context), theirs)
    z = draw(5, 2, 4)
    close(value(Objective(roles=swap, temperature=0.2), z), reference.info_nce(reference.unit(z[0]), 0.2))


def test_leave_one_out_prototypes() -> None:
    z = draw(4, 3, 5)
    losses = []
    for way in range(4):
        for view in range(3):
            means = [rows.mean(0) for rows in z[0]]
            means[way] = (z[0, way].sum(0) - z[0, way, view]) / 2
            logits = [reference.squared_euclidean(z[0, way, view], mu) for mu in means]
            losses.append(reference.log_sum_exp(logits) - logits[way])
    settings = Objective(roles=leave_one_out, embedding=raw, head=Prototypes(squared_euclidean), temperature=1.0)
    close(value(settings, z), reference.mean(losses))


def test_n_pair() -> None:
    z = draw(5, 2, 3)
    close(value(Objective(roles=split, embedding=raw, head=Pairs(dot), temperature=1.0), z), reference.n_pair(z[0]))


@pytest.mark.parametrize("regularizer", [0.1, 50.0])
def test_ridge(regularizer: float) -> None:
    for ways, views, dim, shot in ((3, 4, 8, 2), (5, 3, 3, 2), (4, 2, 4, 1)):  # dual, primal, equal
        z = draw(ways, views, dim)
        settings = Objective(roles=split, embedding=raw, head=Ridge(regularizer), temperature=0.3)
        close(value(settings, z, Context(shot=shot)), reference.ridge_loss(z[0], shot, regularizer, 0.3))


@pytest.mark.parametrize("penalty", [0.01, 0.1, 1.0])
def test_svm_reaches_the_optimum(penalty: float) -> None:
    for ways, shots, dim in ((3, 2, 4), (5, 5, 16)):
        support = reference.unit(draw(ways, shots, dim))
        primal, dual = reference.svm_gap(support[0], svm_dual(support, penalty, 1000)[0], penalty)
        assert 0 <= primal - dual + 1e-12 < 1e-5 * primal
        primal, dual = reference.svm_gap(support[0], svm_dual(support, penalty, SVM().steps)[0], penalty)
        assert primal - dual < 0.02 * primal  # the default number of steps


def test_svm_logits_are_those_of_its_weights() -> None:
    z = draw(3, 4, 5)
    weights = svm_dual(z[:, :, :2], 0.5, 30)[0].T @ z[0, :, :2].flatten(0, 1)
    logits = [[float(q @ w) / 0.3 for w in weights] for way in z[0] for q in way[2:]]
    settings = Objective(roles=split, embedding=raw, head=SVM(0.5), temperature=0.3)
    close(value(settings, z, Context(shot=2)), reference.cross_entropy(logits, [0, 0, 1, 1, 2, 2]))


def test_relation() -> None:
    z = draw(3, 3, 4)
    module = Objective(
        roles=split, embedding=raw, head=Relation(hidden=5), temperature=0.5, denominator=SquaredError()
    ).build(4)
    module.double()
    head, scores, targets = module.head, [], []
    for way in range(3):
        for view in (1, 2):
            pair = [head.of_query(z[0, way, view]) + head.of_support(z[0, n, 0]) for n in range(3)]
            scores.append([float(head.score(one.relu()).detach()) / 0.5 for one in pair])
            targets.append(way)
    close(float(module(z).detach()), reference.relation_loss(scores, targets))


def test_moco_over_several_steps() -> None:
    module = Objective(roles=split, temperature=0.2, negatives=Queue(7)).build(4).double()
    past: list[Tensor] = []
    for step in range(5):
        z, target = draw(3, 2, 4, seed=step), draw(3, 2, 4, seed=100 + step)
        query, key = reference.unit(z[0, :, 1]), reference.unit(target[0, :, 0])
        queue = torch.stack(past) if past else torch.empty(0, 4)
        close(float(module(z, Context(momentum_embeddings=target))), reference.moco(query, key, queue, 0.2))
        past = [*past, *key][-7:]


def test_queue_beside_the_batch() -> None:
    module = Objective(roles=split, temperature=0.2, negatives=Queue(6, with_batch=True)).build(4).double()
    first, z = draw(3, 2, 4), draw(3, 2, 4, seed=1)
    module(first)
    unit, past = reference.unit(z[0]), reference.unit(first[0, :, 0])
    losses = []
    for way in range(3):
        logits = [reference.dot(unit[way, 1], s) / 0.2 for s in [*unit[:, 0], *past]]
        losses.append(reference.log_sum_exp(logits) - logits[way])
    close(float(module(z)), reference.mean(losses))


def test_learned_temperature_starts_at_its_value_and_divides() -> None:
    z = draw(4, 2, 3)
    module = Objective(temperature=0.2, learn_temperature=True).build(3).double()
    assert float(module(z).detach()) == pytest.approx(value(Objective(temperature=0.2), z), rel=1e-6)
    module(z).backward()
    assert module.log_scale.grad.abs() > 1e-3


def test_embedding_settings() -> None:
    z = draw(4, 2, 6)
    assert torch.equal(raw(z), z)
    torch.testing.assert_close(unit_norm(z).norm(dim=-1), torch.ones(1, 4, 2, dtype=torch.float64))
    torch.testing.assert_close(Embedding(unit=True, first=2)(z), reference.unit(z[..., :2]))
