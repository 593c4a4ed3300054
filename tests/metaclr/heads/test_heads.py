"""Every head against a loop over episodes, scikit-learn, and the conditions of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads import HEADS, Head, LinearClassifier, SourceFeatures, get_head
from metaclr.heads.gradient_head import GradientHead
from metaclr.heads.lda import LDA
from metaclr.heads.matching import Matching
from metaclr.heads.nearest_neighbor import NearestNeighbor
from metaclr.heads.prototypes import Prototypes
from metaclr.heads.relation import Comparator
from metaclr.heads.ridge import Ridge, dual_weights, primal_weights
from metaclr.heads.similarity import cosine, dot, semi_normalized, squared_euclidean
from metaclr.heads.soft_kmeans import SoftKMeans
from metaclr.heads.svm import SVM

SIMILARITIES = [dot, cosine, semi_normalized, squared_euclidean]
SIZES = [(4, 5, 1, 7, 12), (3, 4, 3, 6, 5), (2, 20, 2, 40, 9), (2, 1, 3, 4, 6)]  # E, N, K, R, D


def draw(size: tuple[int, int, int, int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    episodes, way, shot, queries, dims = size
    made = torch.Generator().manual_seed(seed)
    support = torch.randn(episodes, way, shot, dims, dtype=torch.float64, generator=made)
    return support, torch.randn(episodes, queries, dims, dtype=torch.float64, generator=made)


def comparator(dims: int) -> Comparator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Comparator(7, dims).double()


def heads_of(dims: int) -> list[Head]:
    compared: list[Head] = [
        *(Prototypes(s) for s in SIMILARITIES),
        *(NearestNeighbor(s) for s in SIMILARITIES),
        *(Matching(s, 0.5) for s in SIMILARITIES),
        Ridge(0.3),
        SVM(),
        LDA(),
        comparator(dims),
    ]
    return compared


def loop_similarity(similarity: Any, q: Tensor, s: Tensor) -> Tensor:
    product = (q * s).sum()
    return {
        dot: product,
        cosine: product / (q.norm() * s.norm()),
        semi_normalized: product / s.norm(),
        squared_euclidean: -(q - s).square().sum(),
    }[similarity]


def looped(head: Any, support: Tensor, query: Tensor) -> Tensor:
    """Logits (R, N) of one episode, from support (N, K, D) and query (R, D), by the definition."""
    out = torch.empty(len(query), len(support), dtype=query.dtype)
    for r, q in enumerate(query):
        for n, rows in enumerate(support):
            if isinstance(head, Prototypes):
                out[r, n] = loop_similarity(head.similarity, q, rows.mean(0))
            elif isinstance(head, NearestNeighbor):
                out[r, n] = max(loop_similarity(head.similarity, q, s) for s in rows)
            elif isinstance(head, Matching):
                values = [loop_similarity(head.similarity, q, s) / head.temperature for s in rows]
                out[r, n] = torch.stack(values).logsumexp(0)
            elif isinstance(head, Comparator):
                pair = head.of_query(q) + head.of_support(rows.mean(0))
                out[r, n] = head.score(pair.relu()).squeeze()
    return out


@pytest.mark.parametrize("size", SIZES)
def test_similarity_heads_are_the_loop(size: tuple[int, int, int, int, int]) -> None:
    support, query = draw(size)
    for head in heads_of(size[-1]):
        if isinstance(head, Ridge | SVM | LDA):
            continue
        logits = head.fit(support).logits(query)
        expected = torch.stack([looped(head, s, q) for s, q in zip(support, query, strict=True)])
        # Logits are defined up to a constant per query.
        torch.testing.assert_close(logits.log_softmax(-1), expected.log_softmax(-1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("regularizer", [0.1, 50.0])
def test_ridge_is_scikit_learns(size: tuple[int, int, int, int, int], regularizer: float) -> None:
    from sklearn.linear_model import Ridge as Theirs

    support, query = draw(size)
    logits = Ridge(regularizer).fit(support).logits(query)
    one_hot = torch.eye(size[1]).repeat_interleave(size[2], 0).numpy()
    for s, q, mine in zip(support, query, logits, strict=True):
        fitted = Theirs(alpha=regularizer, fit_intercept=False).fit(s.flatten(0, 1).numpy(), one_hot)
        np.testing.assert_allclose(mine.numpy(), fitted.predict(q.numpy()).reshape(mine.shape), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(dual_weights(support, regularizer), primal_weights(support, regularizer))


@pytest.mark.parametrize("shrinkage", [0.2, 1.0])
@pytest.mark.parametrize("size", [(3, 4, 3, 6, 5), (3, 5, 4, 6, 40)])
def test_lda_is_scikit_learns(size: tuple[int, int, int, int, int], shrinkage: float) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    support, query = draw(size)
    logits = LDA(shrinkage).fit(support).logits(query)
    labels = np.arange(size[1]).repeat(size[2])
    for s, q, mine in zip(support, query, logits, strict=True):
        # One Ledoit-Wolf target for all ways: with the pooled covariance theirs is a special case without means.
        rows = s - s.mean(1, keepdim=True)
        pooled = (rows.flatten(0, 1).T @ rows.flatten(0, 1) / len(labels)).numpy()
        shrunk = (1 - shrinkage) * pooled + shrinkage * np.trace(pooled) / size[-1] * np.eye(size[-1])

        class Fixed:
            covariance_ = shrunk

            def fit(self, _: Any) -> Any:
                return self

        fitted = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed())
        fitted.fit(s.flatten(0, 1).numpy(), labels)
        theirs = torch.from_numpy(fitted.decision_function(q.numpy()))
        torch.testing.assert_close(mine.log_softmax(-1), theirs.log_softmax(-1), rtol=1e-7, atol=1e-7)


def test_lda_of_one_shot_is_the_nearest_prototype() -> None:
    support, query = draw((4, 5, 1, 7, 12))
    near = Prototypes(squared_euclidean).fit(support).logits(query)
    assert torch.equal(LDA().fit(support).logits(query).argmax(-1), near.argmax(-1))


@pytest.mark.parametrize("size", SIZES[:3])
def test_svm_satisfies_its_constraints_and_classifies_its_support(size: tuple[int, int, int, int, int]) -> None:
    support = F.normalize(draw(size)[0], dim=-1)
    logits = SVM(penalty=10.0, steps=400).fit(support).logits(support.flatten(1, 2))
    labels = torch.arange(size[1]).repeat_interleave(size[2])
    if size[1] * size[2] <= size[-1]:  # otherwise not separable for sure
        assert torch.equal(logits.argmax(-1), labels.expand(size[0], -1))
    assert (logits.argmax(-1) == labels).double().mean() > 2 / size[1]


@pytest.mark.parametrize("size", [(2, 3, 2, 4, 5), (2, 4, 3, 3, 4)])
def test_gradients(size: tuple[int, int, int, int, int]) -> None:
    """Training goes through the same fit and logits, so both must be differentiable."""
    support, query = (value.requires_grad_() for value in draw(size))
    # Away from the kinks of relu and max, finite differences see them too seldom to matter at this seed.
    for head in heads_of(size[-1]):
        assert torch.autograd.gradcheck(lambda s, q, h=head: h.fit(s).logits(q), (support, query)), head


ALL = [name for name in HEADS if name != "calibrated"]


def classify(name: str, features: Tensor, way: int, shot: int) -> Tensor:
    """Predictions (E, N Q) for features (E, N, K + Q, D)."""
    named = get_head(name)
    rows, head = named.prepare(features.flatten(0, 2))
    rows = rows.view(features.shape)
    return head.fit(rows[:, :, :shot]).logits(rows[:, :, shot:].flatten(1, 2)).argmax(-1)


def clusters(way: int, shot: int, query: int, episodes: int = 6, dims: int = 24, noise: float = 0.5) -> Tensor:
    made = torch.Generator().manual_seed(way + shot)
    centers = torch.randn(episodes, way, 1, dims, dtype=torch.float64, generator=made)
    return centers + noise * torch.randn(episodes, way, shot + query, dims, dtype=torch.float64, generator=made)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("way", "shot", "query"), [(1, 1, 3), (2, 3, 4), (5, 1, 6), (30, 2, 3), (100, 1, 2)])
def test_classifies_separated_ways(name: str, way: int, shot: int, query: int) -> None:
    """From 1 to 100 ways."""
    if way > 30 and name in (*SHUFFLED, "pt_map"):
        pytest.skip("thousands of steps")
    predicted = classify(name, clusters(way, shot, query), way, shot)
    truth = torch.arange(way).repeat_interleave(query)
    assert (predicted == truth).double().mean() > 0.9


@pytest.mark.parametrize("name", ALL)
def test_episodes_do_not_depend_on_each_other(name: str) -> None:
    features = clusters(5, 2, 6, noise=1.5)
    together = classify(name, features, 5, 2)
    alone = torch.cat([classify(name, one[None], 5, 2) for one in features])
    assert torch.equal(together, alone)
    assert 0.3 < (together == torch.arange(5).repeat_interleave(6)).double().mean() < 1


SHUFFLED = ["baseline", "baseline++", "prototune"]  # mini-batches in a fixed random order, and a random start


@pytest.mark.parametrize("name", [name for name in ALL if name not in SHUFFLED])
def test_order_of_shots_and_ways_does_not_matter(name: str) -> None:
    features = clusters(5, 3, 4, noise=1.2)
    way, shots = torch.tensor([3, 0, 4, 1, 2]), torch.tensor([2, 0, 1, 3, 4, 5, 6])
    mixed = classify(name, features[:, way][:, :, shots], 5, 3).view(-1, 5, 4)
    plain = classify(name, features, 5, 3).view(-1, 5, 4)
    assert torch.equal(way[mixed], plain[:, way])


@pytest.mark.parametrize("name", ALL)
def test_only_transductive_heads_look_at_other_queries(name: str) -> None:
    features = clusters(5, 2, 6, noise=2.0, episodes=40)
    other = features.clone()
    other[:, :, 3:] += 1.0  # all but the first query of a way
    named = get_head(name)
    logits = []
    for rows in (features, other):
        made, head = named.prepare(rows.flatten(0, 2))
        made = made.view(features.shape)
        logits.append(head.fit(made[:, :, :2]).logits(made[:, :, 2:].flatten(1, 2)).log_softmax(-1).view(40, 5, 6, 5))
    same = torch.allclose(logits[0][:, :, 0], logits[1][:, :, 0], atol=1e-9)
    assert same != named.transductive


@pytest.mark.parametrize("name", ["soft_kmeans", "bd_cspn", "laplacian_shot", "tim", "pt_map"])
def test_transduction_helps_at_one_shot(name: str) -> None:
    """Many balanced queries of tight ways around a bad single support example."""
    features = clusters(5, 1, 20, episodes=60, noise=1.4, dims=16)
    truth = torch.arange(5).repeat_interleave(20)
    inductive = (classify("cosine", features, 5, 1) == truth).double().mean()
    # TIM's default rate is for hundreds of dimensions; here it must not hurt.
    assert (classify(name, features, 5, 1) == truth).double().mean() > inductive + (0.0 if name == "tim" else 0.02)


def test_soft_k_means_is_the_loop_and_distractors_are_kept_out() -> None:
    support, query = draw((3, 4, 2, 10, 5))
    for distractors in (False, True):
        head = SoftKMeans(steps=2, scale=0.7, distractors=distractors)
        logits = head.fit(support).logits(query)
        for s, q, mine in zip(support, query, logits, strict=True):
            means = s.mean(1)
            for _ in range(2):
                columns = torch.cat([means, torch.zeros(1, 5, dtype=means.dtype)]) if distractors else means
                weight = (-0.7 * torch.cdist(q, columns).square()).softmax(1)[:, :4]
                means = torch.stack(
                    [(s[n].sum(0) + (weight[:, n : n + 1] * q).sum(0)) / (2 + weight[:, n].sum()) for n in range(4)]
                )
            expected = (-torch.cdist(q, means).square()).log_softmax(1)
            torch.testing.assert_close(mine.log_softmax(-1), expected, rtol=1e-9, atol=1e-9)


def test_calibration_draws_from_the_nearest_source_classes() -> None:
    made = torch.Generator().manual_seed(0)
    centers = torch.randn(12, 8, generator=made).abs() * 3
    labels = torch.arange(12).repeat_interleave(40)
    source = SourceFeatures((centers[labels] + 0.3 * torch.randn(480, 8, generator=made)).relu(), labels)
    features = (clusters(5, 1, 15, dims=8, episodes=20).float() * 0.5 + 2).relu()
    named = get_head("calibrated")
    rows, head = named.prepare(features.flatten(0, 2), source)
    rows = rows.view(features.shape)
    logits = head.fit(rows[:, :, :1]).logits(rows[:, :, 1:].flatten(1, 2))
    assert (logits.argmax(-1) == torch.arange(5).repeat_interleave(15)).float().mean() > 0.6
    single = head.fit(rows[:1, :, :1]).logits(rows[:1, :, 1:].flatten(1, 2))
    torch.testing.assert_close(single.softmax(-1), logits[:1].softmax(-1), atol=1e-3, rtol=0)
    with pytest.raises(UserError, match="pass a source"):
        named.prepare(features.flatten(0, 2))
    with pytest.raises(UserError, match="has no labels"):
        named.prepare(features.flatten(0, 2), SourceFeatures(source.features))


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: get_head("cosin"), "did you mean 'cosine'"),
    (lambda: get_head("cl2+cosine"), "did you mean 'cl2n'"),
    (lambda: get_head("cl2n+cosin"), "did you mean 'cosine'"),
    (lambda: Ridge(0.0), "regularizer = 0.0 must be above 0"),
    (lambda: SVM(steps=0), "steps = 0"),
    (lambda: LDA(0.0), "shrinkage = 0.0"),
    (lambda: Matching(temperature=0.0), "temperature = 0.0"),
    (lambda: Comparator(0, 3), "hidden = 0"),
    (lambda: SoftKMeans(steps=0), "steps = 0"),
    (lambda: get_head("cl2n+cosine").prepare(torch.zeros(2, 3)), "'cl2n' needs the images"),
]


@pytest.mark.parametrize(("work", "message"), BAD)
def test_refusals(work: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        work()


def test_a_linear_classifier_is_a_view_of_one_product() -> None:
    weight, query = torch.randn(2, 6, 4), torch.randn(2, 5, 4)
    scores = LinearClassifier(weight, None, 3).logits(query)
    torch.testing.assert_close(scores, (query @ weight.mT).view(2, 5, 3, 2).amax(-1))


def test_baseline_is_a_torch_layer_trained_alone() -> None:
    """Chen et al.: nn.Linear, SGD with momentum, dampening and decay, batches of 4; here one episode at a time."""
    support = torch.randn(3, 4, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(4).repeat_interleave(2)
    head = GradientHead(epochs=5, lr=0.1)
    fitted = head.fit(support)
    for rows, weight, bias in zip(support.flatten(1, 2), fitted.weight, fitted.bias, strict=True):  # type: ignore[arg-type]
        start, zero = head._start(support[:1])
        layer = torch.nn.Linear(6, 4).double()
        with torch.no_grad():
            layer.weight.copy_(start[0])
            layer.bias.copy_(zero[0])
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, dampening=0.9, weight_decay=1e-3)
        for index in head._batches(8, 4):
            optimizer.zero_grad()
            F.cross_entropy(layer(rows[index]), labels[index]).backward()
            optimizer.step()
        torch.testing.assert_close(weight, layer.weight.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(bias, layer.bias.detach(), rtol=1e-10, atol=1e-12)


def test_proto_tune_starts_from_prototypes() -> None:
    support, query = draw((3, 5, 2, 7, 6))
    few = GradientHead(start="prototypes", optimizer="adam", lr=1e-9, epochs=1, batch=None).fit(support).logits(query)
    expected = Prototypes(squared_euclidean).fit(support).logits(query)
    torch.testing.assert_close(few, expected, atol=1e-6, rtol=1e-6)


def test_baseline_plus_plus_scores_by_cosine() -> None:
    support, query = draw((2, 4, 3, 5, 6))
    head = GradientHead(layer="cosine", scale=2.0, epochs=3)
    torch.testing.assert_close(head.fit(support).logits(query), head.fit(support).logits(3 * query))
    assert head.fit(support).logits(query).abs().max() <= 2
