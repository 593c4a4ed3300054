"""Clusters of separate blobs are the blobs; the schedule; what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from metaclr.clusters import Clustering, Density, KMeans
from metaclr.errors import UserError


def blobs(classes: int = 12, each: int = 20, spread: float = 0.05) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat_interleave(each)
    centers = torch.nn.functional.normalize(torch.randn(classes, 16, generator=source), dim=1)
    return centers[labels] + spread * torch.randn(len(labels), 16, generator=source), labels


def same_partition(a: Tensor, b: Tensor) -> bool:
    return bool(((a[:, None] == a) == (b[:, None] == b)).all())


@pytest.mark.parametrize("by", [KMeans(clusters=12), Density(share=0.1, neighbors=15)])
def test_blobs_are_found(by: KMeans | Density) -> None:
    features, labels = blobs()
    (found,) = Clustering(by).fit(features, seed=0, step=3)
    if isinstance(by, Density):  # an outlier has a label of its own
        inside = torch.bincount(found)[found] > 1
        assert inside.float().mean() > 0.8
        found, labels = found[inside], labels[inside]
        assert same_partition(found, labels)
    else:  # one start of k-means++ may join two blobs
        assert len(found.unique()) == 12
        assert (torch.bincount(12 * labels + found, minlength=144).view(12, 12).amax(0).sum() / len(found)) > 0.9


def test_an_outlier_has_a_label_of_its_own() -> None:
    features, _ = blobs(4, 20)
    far = 10 * torch.eye(16)[:3]
    (found,) = Density(share=0.05, neighbors=8).fit(torch.cat([features, far]), 0)
    counts = torch.bincount(found)
    assert counts[found[-3:]].tolist() == [1, 1, 1]
    assert counts.min() == 1  # no label is left out
    assert (counts[: int((counts > 1).sum())] > 1).all()  # clusters come first


def test_partitions_are_of_scaled_embeddings() -> None:
    """The first is scikit-learn's on the embeddings themselves."""
    from sklearn.cluster import KMeans as Lloyd

    from episodes import random

    features, _ = blobs(spread=0.3)
    found = KMeans(clusters=9, partitions=3).fit(features, key=5)
    seed = random.key(5, "k-means", 0) % (1 << 31)
    expected = Lloyd(9, n_init=1, max_iter=100, random_state=seed).fit_predict(features.numpy())
    assert same_partition(found[0], torch.from_numpy(expected))
    assert not same_partition(found[0], found[1])
    assert not same_partition(found[1], found[2])


def test_a_clustering_is_a_function_of_features_seed_and_step() -> None:
    features, _ = blobs(spread=0.3)
    how = Clustering(KMeans(clusters=9, partitions=2))
    first = how.fit(features, seed=1, step=4)
    assert torch.equal(first, how.fit(features, seed=1, step=4))
    assert not torch.equal(first, how.fit(features, seed=1, step=5))
    assert not torch.equal(first, how.fit(features, seed=2, step=4))


def test_unit_norm() -> None:
    """At unit norm the length of a vector does not matter."""
    features, _ = blobs(spread=0.3)
    lengths = torch.linspace(0.1, 10, len(features)).unsqueeze(1)
    unit, plain = (Clustering(KMeans(clusters=9), unit=u).fit(lengths * features, seed=0, step=0)[0] for u in (1, 0))
    assert same_partition(unit, Clustering(KMeans(clusters=9)).fit(features, seed=0, step=0)[0])
    assert not same_partition(plain, unit)


def test_steps() -> None:
    assert Clustering().steps(1000) == (0,)
    assert Clustering(start=0.5, rounds=4).steps(1000) == (500, 625, 750, 875)
    assert Clustering(rounds=20).steps(60) == (0, 30)  # of 25 steps at least
    assert Clustering(start=0.2, rounds=3).steps(1) == (0,)


def test_number_of_clusters_follows_a_small_set() -> None:
    assert [KMeans(500).count(images) for images in (10, 1797, 24000)] == [2, 179, 500]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Clustering(start=1.0), "clusters.start = 1.0"),
        (lambda: Clustering(rounds=0), "clusters.rounds = 0"),
        (lambda: KMeans(clusters=1), "clusters.by.clusters = 1"),
        (lambda: Density(share=0.0), "clusters.by.share = 0.0"),
        (lambda: Density(neighbors=0), "clusters.by.neighbors = 0"),
        (lambda: Density().fit(torch.randn(20, 3), 0), "need more images than that, got 20"),
        (lambda: KMeans().fit(torch.randn(1, 3), 0), "at least 2 images, got 1"),
    ],
)
def test_refusals(make: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()  # type: ignore[operator]
