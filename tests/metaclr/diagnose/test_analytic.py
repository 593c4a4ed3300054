"""Every measure at a case whose value is known, and against a loop where it is not."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from metaclr.diagnose import (
    alignment,
    augmentation_overlap,
    class_geometry,
    collapsed_dimensions,
    collision_probability,
    effective_rank,
    hubness,
    latent_bound,
    lidar,
    nearest_neighbors,
    similarities,
    singular_values,
    tolerance,
    uniformity,
)
from metaclr.errors import UserError

DOUBLE = torch.float64


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def simplex(classes: int, dim: int) -> torch.Tensor:
    """C unit vectors in `dim` dimensions, each pair with cosine -1/(C-1), turned at random."""
    corners = torch.eye(classes, dtype=DOUBLE) - 1 / classes
    turn = torch.linalg.qr(normal(dim, dim)).Q
    return F.normalize(F.pad(corners, (0, dim - classes)), dim=1) @ turn


def test_uniformity_of_the_sphere_from_blocks_of_pairs() -> None:
    features = normal(20_000, 128).float()
    assert uniformity(features) == pytest.approx(-3.9375, abs=2e-3)  # more rows than all pairs are taken of
    few = normal(3000, 16)
    few[:1500] += 1.5
    assert uniformity(few, max_exact=100) == pytest.approx(uniformity(few), abs=0.02)


def test_identical_views_are_aligned_and_lidar_is_the_rank_of_the_images() -> None:
    images = normal(300, 5) @ torch.linalg.qr(normal(24, 24)).Q[:5]
    views = images.unsqueeze(1).expand(-1, 3, -1)
    assert alignment(views) == pytest.approx(0)
    assert augmentation_overlap(views).confused == 0
    # S_w = delta I, so the matrix is the covariance of the images.
    values = torch.linalg.svdvals(images - images.mean(0)).square()
    share = values / values.sum()
    assert lidar(views) == pytest.approx(math.exp(-float((share * share.log()).sum())), rel=1e-6)
    assert lidar(torch.zeros(4, 2, 3)) == 0


def test_lidar_counts_the_directions_in_which_images_differ() -> None:
    # 8 directions of images with equal spread, among views that vary alike in all 32 around them.
    corners = torch.cat([torch.eye(8, dtype=DOUBLE), -torch.eye(8, dtype=DOUBLE)])
    around = torch.cat([torch.eye(32, dtype=DOUBLE), -torch.eye(32, dtype=DOUBLE)])
    views = F.pad(corners, (0, 24)).unsqueeze(1) * 3 + 0.1 * around
    assert lidar(views) == pytest.approx(8)
    assert lidar(7 * views) == pytest.approx(8)
    # As the paper defines it, by a loop, on views that are correlated.
    drawn = normal(30, 4, 6) @ normal(6, 6, seed=1) + 2 * normal(30, 1, 6, seed=2)
    drawn /= drawn.square().mean().sqrt()
    within = 1e-4 * torch.eye(6, dtype=DOUBLE)
    for image in drawn:
        for view in image:
            within += torch.outer(view - image.mean(0), view - image.mean(0)) / (30 * 3)
    centered = drawn.mean(1) - drawn.mean((0, 1))
    between = sum(torch.outer(row, row) for row in centered) / 29
    values, vectors = torch.linalg.eigh(within)
    half = vectors @ torch.diag(values.rsqrt()) @ vectors.T
    share = torch.linalg.eigvalsh(half @ between @ half)
    share = share / share.sum()
    assert lidar(drawn) == pytest.approx(math.exp(-float((share * share.log()).sum())))


@pytest.mark.parametrize("rank", [1, 4, 9])
def test_a_gaussian_of_rank_r(rank: int) -> None:
    basis = torch.linalg.qr(normal(32, 32)).Q[:rank]
    features = normal(20_000, rank, seed=rank) @ basis
    assert effective_rank(features) == pytest.approx(rank, rel=1e-3)
    assert effective_rank(features.float()) == pytest.approx(rank, rel=1e-2)
    if rank > 1:  # on the sphere a line is two points
        assert collapsed_dimensions(features.float()) == 32 - rank
    # The chunks leave the singular values as they are.
    torch.testing.assert_close(singular_values(features)[:rank], torch.linalg.svdvals(features)[:rank])


def test_a_point_has_only_collapsed_dimensions() -> None:
    assert collapsed_dimensions(torch.ones(5000, 8)) == 8
    assert collapsed_dimensions(normal(5000, 8)) == 0


@pytest.mark.parametrize("classes", [2, 10])
def test_a_perfect_simplex(classes: int) -> None:
    corners = simplex(classes, 16)
    assert float(corners[0] @ corners[1]) == pytest.approx(-1 / (classes - 1))
    labels = torch.arange(classes).repeat_interleave(5)
    found = class_geometry(corners[labels], 3 * labels)  # ids may have gaps
    assert found.classes == classes
    assert found.is_attainable
    for value in (found.within, found.simplex_distance, found.nc1, found.nc2_norms, found.nc2_angles):
        assert value == pytest.approx(0, abs=1e-7)
    assert tolerance(corners[labels], labels) == pytest.approx(1)


def test_class_geometry_is_the_loop() -> None:
    features, labels = normal(60, 5) + 1, torch.arange(60) % 4
    unit = F.normalize(features, dim=1)
    means = torch.stack([unit[labels == c].mean(0) for c in range(4)])
    centered = means - means.mean(0)
    within = sum(torch.outer(x - means[c], x - means[c]) for x, c in zip(unit, labels, strict=True)) / 60
    between = sum(torch.outer(m, m) for m in centered) / 4
    pairs = itertools.combinations(range(4), 2)
    cosines = [float(F.cosine_similarity(centered[a], centered[b], dim=0)) for a, b in pairs]
    found = class_geometry(features, labels)
    total = float((unit - unit.mean(0)).square().sum()) / 60
    assert found.within == pytest.approx(float(within.trace()) / total)
    assert found.nc1 == pytest.approx(float((within @ torch.linalg.pinv(between)).trace()) / 4)
    assert found.simplex_distance == pytest.approx(sum(abs(c + 1 / 3) for c in cosines) / 6)
    assert not class_geometry(normal(60, 2), torch.arange(60) % 4).is_attainable


def test_random_labels_explain_no_variance() -> None:
    features = normal(4000, 64)
    labels = torch.randint(10, (4000,), generator=torch.Generator().manual_seed(1))
    found = class_geometry(features, labels)
    # Between-class variance is that of C means of M/C rows: (C - 1)/(M - 1) of the whole.
    assert 1 - found.within == pytest.approx(9 / 3999, rel=0.2)
    assert tolerance(features, labels) == pytest.approx(0, abs=2e-3)


def test_collision_probability() -> None:
    labels = torch.arange(20).repeat(7)
    assert collision_probability(labels) == pytest.approx(1 / 20)
    assert collision_probability(labels, 5) == pytest.approx(1 - (1 - 1 / 20) ** 5)
    assert collision_probability(torch.tensor([0, 0, 0, 1])) == pytest.approx((3 / 4) ** 2 + (1 / 4) ** 2)
    assert collision_probability(torch.zeros(4, dtype=torch.long), 3) == 1
    drawn = torch.randint(0, 140, (50_000, 6), generator=torch.Generator().manual_seed(0))
    of = labels[drawn]
    share = float((of[:, 1:] == of[:, :1]).any(1).double().mean())
    assert collision_probability(labels, 5) == pytest.approx(share, abs=0.01)


def test_the_bound_of_latent_classes_by_enumeration() -> None:
    features, labels = normal(12, 3), torch.tensor([0] * 6 + [1] * 4 + [2] * 2)
    unit = F.normalize(features, dim=1)
    means = torch.stack([unit[labels == c].mean(0) for c in range(3)])
    contrastive, supervised, apart = [], [], []
    for i, j in itertools.product(range(12), repeat=2):  # anchor and negative
        own = torch.nonzero(labels == labels[i]).flatten().tolist()
        contrastive.append(sum(math.log2(1 + math.exp(-float(unit[i] @ (unit[p] - unit[j])))) for p in own) / len(own))
        if labels[i] != labels[j]:
            apart.append((i, j))
            margin = float(unit[i] @ (means[labels[i]] - means[labels[j]]))
            supervised.append(math.log2(1 + math.exp(-margin)))
    found = latent_bound(features, labels, draws=100_000)
    assert found.collision == pytest.approx(1 - len(apart) / 144)
    assert found.contrastive == pytest.approx(sum(contrastive) / 144, abs=5e-3)
    assert found.supervised == pytest.approx(sum(supervised) / len(apart), abs=5e-3)
    exact = (sum(contrastive) / 144 - found.collision) / (1 - found.collision)
    assert sum(supervised) / len(apart) <= exact
    assert found.bound == pytest.approx(exact, abs=1e-2)


def test_the_bound_is_tight_for_collapsed_classes() -> None:
    labels = torch.arange(5).repeat(8)
    found = latent_bound(simplex(5, 8)[labels], labels)
    # Every draw is its class mean, so Jensen's inequality is an equality: l(v) with v = 1 + 1/4.
    assert found.supervised == pytest.approx(math.log2(1 + math.exp(-1.25)))
    assert found.bound == pytest.approx(found.supervised, abs=5e-3)


def test_hubness_of_a_regular_polygon_and_of_a_star() -> None:
    angle = torch.arange(60, dtype=DOUBLE) * 2 * math.pi / 60
    polygon = torch.stack([angle.cos(), angle.sin()], 1)
    even = hubness(polygon, 2)
    assert (even.skewness, even.antihubs, even.largest) == (0, 0, 1)
    # One center that is nearest to all of 40 orthogonal arms: it is in 40 lists of length 1, one arm in its own.
    star = torch.cat([torch.ones(1, 40, dtype=DOUBLE), torch.eye(40, dtype=DOUBLE)])
    hub = hubness(star, 1)
    assert hub.largest == 40
    assert hub.antihubs == pytest.approx(39 / 41)
    assert hub.skewness > 5
    assert hubness(normal(500, 3), 5).skewness < hubness(normal(500, 200), 5).skewness
    assert hubness(normal(300, 3), 5, max_rows=100).rows == 100


def test_neighbors_are_those_of_a_sort() -> None:
    features = normal(30, 4)
    unit = F.normalize(features, dim=1)
    cosine = (unit @ unit.T).fill_diagonal_(-2)
    assert torch.equal(nearest_neighbors(features, 3), cosine.argsort(1, descending=True)[:, :3])
    with pytest.raises(UserError, match="from 1 to 29"):
        nearest_neighbors(features, 30)


def test_overlap_of_views() -> None:
    generator = torch.Generator().manual_seed(0)
    chance = augmentation_overlap(normal(200, 4, 16), torch.randint(4, (200,), generator=generator))
    assert chance.confused == pytest.approx(796 / 799, abs=0.01)
    assert chance.same_class == pytest.approx(1 / 4, abs=0.06)
    # Images of a class that share their views are confused within the class alone.
    views = simplex(5, 8).repeat_interleave(2, 0).unsqueeze(1) + 0.01 * normal(10, 3, 8)
    found = augmentation_overlap(views, torch.arange(5).repeat_interleave(2))
    assert found.confused > 0.3
    assert found.same_class == 1


def test_similarities_count_every_pair_once() -> None:
    views, labels = normal(6, 3, 4), torch.tensor([0, 0, 1, 1, 2, 2])
    found = similarities(views, labels)
    assert int(found.positives.sum()) == 6 * 3
    assert int(found.same_class.sum()) == 3 * 9
    assert int(found.negatives.sum()) == 18 * 17 // 2 - 18 - 27
    unit = F.normalize(views.flatten(0, 1), dim=1)
    pairs = [float(unit[3 * i + a] @ unit[3 * i + b]) for i in range(6) for a, b in ((0, 1), (0, 2), (1, 2))]
    expected = torch.histogram(torch.tensor(pairs, dtype=DOUBLE), found.edges).hist.long()
    assert torch.equal(found.positives, expected)
    assert int(similarities(views).same_class.sum()) == 0
    one = similarities(torch.ones(4, 2, 3))
    assert int(one.positives[-1]) == 4
