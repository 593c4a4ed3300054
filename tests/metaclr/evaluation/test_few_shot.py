"""Every head against a loop over episodes, queries and other people's classifiers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from episodes import EpisodeTable, TaskShape, sample_table
from metaclr.errors import UserError
from metaclr.evaluation import HEADS, episode_accuracies, few_shot
from metaclr.heads import SourceFeatures, get_head
from tests.metaclr.evaluation import slow_intervals
from tests.metaclr.evaluation.evaluate_data import blobs

Tensor = torch.Tensor
LABELS = torch.arange(22).repeat_interleave(12)


def case(shape: TaskShape, count: int = 20, width: int = 24) -> tuple[Tensor, EpisodeTable]:
    images = blobs(classes=22, per_class=12)
    made = torch.Generator().manual_seed(0)
    centers = torch.randn(22, width, generator=made)
    features = centers.repeat_interleave(12, 0) + 1.5 * torch.randn(22 * 12, width, generator=made) + 0.5
    return features, sample_table(images, shape, count, seed=3)


def looped(features: Tensor, table: EpisodeTable, predict: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """Accuracies by a loop: predict(support (N * K, F), labels (N * K,), query (Q', F)) -> labels (Q',)."""
    way, shot = table.support.shape[1:]
    labels = torch.arange(way)
    accuracies = []
    for support, query in zip(table.support, table.query, strict=True):
        predicted = predict(features[support.flatten()], labels.repeat_interleave(shot), features[query.flatten()])
        accuracies.append((predicted == labels.repeat_interleave(query.shape[1])).float().mean())
    return torch.stack(accuracies)


def by_cosine(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    units = F.normalize(support, dim=1)
    prototypes = torch.stack([units[labels == c].mean(0) for c in labels.unique()])
    return torch.stack([torch.cosine_similarity(q, prototypes, dim=1).argmax() for q in query])


def by_distance(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    prototypes = torch.stack([support[labels == c].mean(0) for c in labels.unique()])
    return torch.stack([(q - prototypes).square().sum(1).argmin() for q in query])


def by_neighbor(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    from sklearn.neighbors import KNeighborsClassifier

    fitted = KNeighborsClassifier(1, metric="cosine").fit(support.numpy(), labels.numpy())
    return torch.from_numpy(fitted.predict(query.numpy()))


def by_ridge(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    from sklearn.linear_model import Ridge

    one_hot = F.one_hot(labels).float().numpy()
    fitted = Ridge(alpha=1.0, fit_intercept=False).fit(F.normalize(support, dim=1).numpy(), one_hot)
    return torch.from_numpy(fitted.predict(F.normalize(query, dim=1).numpy())).argmax(1)


def by_logistic(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(F.normalize(support, dim=1).numpy(), labels.numpy())
    return torch.from_numpy(fitted.predict(F.normalize(query, dim=1).numpy()))


LOOPS = {
    "cosine": by_cosine,
    "euclidean": by_distance,
    "nearest": by_neighbor,
    "ridge": by_ridge,
    "logistic": by_logistic,
}


@pytest.mark.parametrize("shape", [TaskShape(5, 1, 5), TaskShape(5, 5, 4), TaskShape(20, 2, 3)], ids=str)
@pytest.mark.parametrize("head", LOOPS)
def test_head_is_the_loop(head: str, shape: TaskShape) -> None:
    features, table = case(shape)
    features = features.double()  # a near tie must not be decided by rounding
    torch.testing.assert_close(
        episode_accuracies(features, table, head=head), looped(features, table, LOOPS[head]), atol=1e-6, rtol=0
    )


def one_at_a_time(head: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The head itself on one episode; its formula is tested with the heads."""

    def predict(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        rows, fitted = get_head(head).prepare(torch.cat([support, query]))
        split = rows[: len(support)].view(1, int(labels.max()) + 1, -1, rows.shape[1])
        return fitted.fit(split).logits(rows[None, len(support) :])[0].argmax(-1)

    return predict


OTHERS = [head for head in HEADS if head not in LOOPS and head != "calibrated"]


@pytest.mark.parametrize("head", OTHERS)
def test_all_episodes_at_once_are_each_alone(head: str) -> None:
    features, table = case(TaskShape(5, 2, 4))
    features = features.double()
    torch.testing.assert_close(
        episode_accuracies(features, table, head=head), looped(features, table, one_at_a_time(head)), atol=1e-6, rtol=0
    )


def test_every_head_is_compared() -> None:
    assert {*LOOPS, *OTHERS} == {*HEADS} - {"calibrated"}


@pytest.mark.parametrize("head", [*LOOPS, *OTHERS])
def test_chunks_do_not_matter(head: str) -> None:
    features, table = case(TaskShape(5, 2, 5), count=33)
    whole = episode_accuracies(features, table, head=head)
    torch.testing.assert_close(episode_accuracies(features, table, head=head, chunk=7), whole)
    assert 0.4 < whole.mean() < 0.95


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("head", [*LOOPS, "dot", "matching", "svm", "lda", "bd_cspn", "soft_kmeans"])
def test_a_collapsed_encoder_is_at_chance(head: str, value: float) -> None:
    _, table = case(TaskShape(5, 5, 5))
    accuracies = episode_accuracies(torch.full((22 * 12, 8), value), table, head=head)
    torch.testing.assert_close(accuracies, torch.full_like(accuracies, 0.2))


def test_measurement_records_its_protocol() -> None:
    features, table = case(TaskShape(5, 1, 5))
    default, ridge = (
        few_shot(features, table, LABELS, target="blobs"),
        few_shot(features, [table], LABELS, target="blobs", head="ridge"),
    )
    (found,) = default
    assert (found.evaluator, found.target, found.way, found.shot, found.n) == ("few-shot", "blobs", 5, 1, 20)
    assert ridge[0].evaluator == "few-shot ridge"
    assert found.per_item is not None
    assert found.value == pytest.approx(100 * found.per_item.mean().item())
    assert f"digest={table.digest[:16]}" in found.protocol
    assert "cosine prototypes" in found.protocol
    assert "query=5; episodes=20; pool_classes=22; pool_images=264" in found.protocol


def test_intervals_for_new_classes_and_over_episodes() -> None:
    features, table = case(TaskShape(5, 1, 5), count=100)
    (found,) = few_shot(features, table, LABELS, target="blobs")
    classes = LABELS[table.support[:, :, 0]]
    y = 100 * episode_accuracies(features, table).double()
    assert found.classes is not None
    assert torch.equal(found.classes, classes)
    assert found.ci95 == pytest.approx(slow_intervals.over_classes(y.numpy(), classes.numpy())[0], rel=1e-6)
    low, high = stats.t.interval(0.95, 99, loc=y.mean(), scale=stats.sem(y.numpy()))
    assert found.ci95_episodes == pytest.approx((high - low) / 2)
    assert found.ci95 > found.ci95_episodes
    assert "interval=new classes (class jackknife)" in found.protocol
    assert found.without is None


SEPARATE = {"cosine", "euclidean", "dot", "semi_normalized", "nearest", "matching"}
"""Heads that score every way by its own support alone."""


# "calibrated" is the logistic head on generated features: 22 ways of them take minutes.
@pytest.mark.parametrize("head", [head for head in HEADS if head != "calibrated"])
def test_a_task_of_all_classes_needs_second_best_answers(head: str) -> None:
    features, table = case(TaskShape(22, 1, 5), count=30)
    (found,) = few_shot(features, table, LABELS, target="blobs", head=head)
    if head not in SEPARATE:
        assert math.isnan(found.ci95)
        assert found.without is None
        assert "interval=undefined for new classes" in found.protocol
    else:
        assert 0 < found.ci95 < 20
        assert found.without is not None
        assert found.without.shape == (30, 22)
        assert "interval=new classes (leave one way out)" in found.protocol
    assert found.ci95_episodes > 0


def test_the_sources_features_reach_a_head() -> None:
    features, table = case(TaskShape(5, 1, 5), count=50)
    source = SourceFeatures(features[::2], torch.arange(22).repeat_interleave(6))
    plain = episode_accuracies(features, table)
    for head in ("cl2n+cosine", "whitened+cosine", "calibrated"):
        (found,) = few_shot(features, table, LABELS, target="blobs", head=head, source=source)
        assert found.evaluator == f"few-shot {head}"
        assert found.value > 40  # chance is 20
        assert not torch.equal(found.per_item, plain)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="pass a source"):
        few_shot(features, table, LABELS, target="blobs", head="cl2n+cosine")


def test_a_transductive_head_is_marked() -> None:
    features, table = case(TaskShape(5, 1, 5))
    (found,) = few_shot(features, table, LABELS, target="blobs", head="cl2n+cosine", source=SourceFeatures(features))
    (marked,) = few_shot(features, table, LABELS, target="blobs", head="bd_cspn")
    assert marked.evaluator == "few-shot bd_cspn, transductive"
    assert "transductive" not in found.evaluator


def test_refusals() -> None:
    features, table = case(TaskShape(5, 1, 5))
    with pytest.raises(UserError, match="did you mean 'cosine'"):
        few_shot(features, table, LABELS, target="blobs", head="cosin")
    with pytest.raises(UserError, match="pass those of their image set"):
        few_shot(features[:100], table, LABELS[:100], target="blobs")
    with pytest.raises(UserError, match=r"\(M, F\)"):
        few_shot(features[0], table, LABELS[:24], target="blobs")
    with pytest.raises(UserError, match="labels for features of 264 images"):
        few_shot(features, table, LABELS[:-1], target="blobs")
    without = EpisodeTable(table.support, table.query[..., :0], table.fingerprint, table.seed)
    with pytest.raises(UserError, match="0 queries"):
        few_shot(features, without, LABELS, target="blobs")


def test_far_faster_than_a_loop() -> None:
    """2,000 episodes at once against a plain loop over 100 of them, per episode: 20 times is a generous floor."""
    features, table = case(TaskShape(5, 1, 10), count=2000, width=64)
    few = EpisodeTable(table.support[:100], table.query[:100], table.fingerprint, table.seed)
    episode_accuracies(features, few)

    def per_episode(run: Callable[[], object], count: int) -> float:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
        return min(times) / count

    loop = per_episode(lambda: looped(features, few, by_cosine), 100)
    batched = per_episode(lambda: episode_accuracies(features, table), 2000)
    assert loop > 20 * batched, f"loop {1e6 * loop:.0f} us an episode, batched {1e6 * batched:.0f} us"
