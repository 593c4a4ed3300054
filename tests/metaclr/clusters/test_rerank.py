"""Re-ranked distances by a loop over Zhong et al.'s definitions, and what is known of special cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from metaclr.clusters import Density, rerank
from metaclr.clusters.rerank import jaccard_distances, nearest


def by_definition(points: Tensor, k1: int, k2: int) -> Tensor:
    """Section 3 of arXiv:1701.08398 with lambda = 0, one image after the other."""
    squared = torch.cdist(points, points).square()
    count = len(points)
    ranks = [sorted(range(count), key=lambda j, i=i: (j != i, float(squared[i, j]), j)) for i in range(count)]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in ranks[i][: k + 1] if i in ranks[j][: k + 1]}

    encoded = torch.zeros(count, count, dtype=torch.float64)
    for i in range(count):
        own = reciprocal(i, k1)
        expanded = set(own)
        for j in own:
            half = reciprocal(j, round(k1 / 2))
            if len(half & own) > 2 / 3 * len(half):
                expanded |= half
        for j in expanded:
            encoded[i, j] = math.exp(-squared[i, j] / squared[i].max())
        encoded[i] /= encoded[i].sum()
    averaged = torch.stack([encoded[ranks[i][:k2]].mean(0) for i in range(count)])
    low = torch.minimum(averaged[:, None], averaged).sum(-1)
    high = torch.maximum(averaged[:, None], averaged).sum(-1)
    return 1 - low / high


def dense(distances: object) -> Tensor:
    """With 1 where nothing is stored."""
    full = torch.ones(distances.shape, dtype=torch.float64)  # type: ignore[attr-defined]
    rows = np.repeat(np.arange(len(full)), np.diff(distances.indptr))  # type: ignore[attr-defined]
    full[torch.from_numpy(rows), torch.from_numpy(distances.indices).long()] = torch.from_numpy(distances.data)  # type: ignore[attr-defined]
    return full


@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (6, 3), (5, 1)])
def test_distances_are_those_of_the_definition(k1: int, k2: int) -> None:
    source = torch.Generator().manual_seed(k1)
    centers = 2 * torch.randn(6, 5, generator=source, dtype=torch.float64)
    points = centers.repeat_interleave(10, 0) + torch.randn(60, 5, generator=source, dtype=torch.float64)
    expected = by_definition(points, k1, k2)
    found = dense(jaccard_distances(points, k1, k2))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert expected.min() < 0.5 < expected.max()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One image at the center of all others is in many encodings: its column alone fills several blocks."""
    points = torch.randn(60, 12, generator=torch.Generator().manual_seed(4))
    points[0] = 0
    whole = jaccard_distances(points, 8, 4)
    monkeypatch.setattr(rerank, "_PAIRS", 150)
    parts = jaccard_distances(points, 8, 4)
    torch.testing.assert_close(dense(parts), dense(whole), rtol=1e-12, atol=1e-12)


def test_radius_is_the_mean_of_the_smallest_distances_of_all_pairs() -> None:
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    distances = jaccard_distances(points, 6, 3)
    above = dense(distances).triu(1)
    pairs = dense(distances)[torch.ones(40, 40).triu(1).bool()]
    assert torch.equal(pairs.sort().values, above[torch.ones(40, 40).triu(1).bool()].sort().values)
    for share in (0.01, 0.3, 1.0):
        smallest = pairs[pairs > 0].sort().values
        expected = smallest[: round(share * len(smallest))].mean()
        assert Density(share=share).radius(distances) == pytest.approx(float(expected), rel=1e-12)


def test_equal_images_are_their_own_neighbors_first() -> None:
    near, farthest = nearest(torch.ones(8, 3), 4)
    assert near[:, 0].tolist() == list(range(8))
    assert farthest.tolist() == [0.0] * 8
    assert np.isfinite(jaccard_distances(torch.ones(8, 3), 3, 2).data).all()


def test_distances_do_not_depend_on_scale_and_order() -> None:
    points = torch.randn(50, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    plain = dense(jaccard_distances(points, 8, 3))
    torch.testing.assert_close(dense(jaccard_distances(4 * points, 8, 3)), plain, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(dense(jaccard_distances(points[order], 8, 3)), plain[order][:, order])
