"""Diagnostics against loops, and at the values that theory gives."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from metaclr.diagnose import (
    alignment,
    collapse,
    collapsed_dimensions,
    diagnose,
    effective_rank,
    singular_values,
    tolerance,
    uniformity,
)
from metaclr.diagnose.summary import NUMBERS
from metaclr.errors import UserError


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_alignment_is_the_mean_over_pairs_of_views() -> None:
    views = normal(7, 3, 5)
    unit = F.normalize(views, dim=-1)
    pairs = [(unit[b, i] - unit[b, j]).norm().item() ** 3 for b in range(7) for i in range(3) for j in range(i)]
    assert alignment(views, alpha=3) == pytest.approx(sum(pairs) / len(pairs))
    assert alignment(views[:, :1].expand(-1, 2, -1)) == pytest.approx(0)
    assert alignment(normal(4000, 2, 128)) == pytest.approx(2, abs=0.01)


def test_uniformity_is_the_loop_and_reaches_the_optimum() -> None:
    features = normal(9, 4)
    unit = F.normalize(features, dim=1)
    pairs = [math.exp(-2 * (unit[i] - unit[j]).square().sum().item()) for i in range(9) for j in range(9) if i != j]
    assert uniformity(features) == pytest.approx(math.log(sum(pairs) / len(pairs)))
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0)
    # The optimum for 128 dimensions and t = 2 (derived for this project); over 1,024 rows, so in chunks.
    assert uniformity(normal(4000, 128)) == pytest.approx(-3.9375, abs=2e-3)


def test_tolerance_is_the_loop() -> None:
    features, labels = normal(20, 6), torch.arange(20) % 3
    unit = F.normalize(features, dim=1)
    pairs = [float(unit[i] @ unit[j]) for i in range(20) for j in range(20) if i != j and labels[i] == labels[j]]
    assert tolerance(features, labels) == pytest.approx(sum(pairs) / len(pairs))
    with pytest.raises(UserError, match="2 examples"):
        tolerance(features[:3], labels[:3])


def test_effective_rank_counts_equal_directions() -> None:
    basis = torch.linalg.qr(normal(40, 40)).Q
    for rank in (1, 3, 8):
        features = normal(200, 40) @ torch.zeros(40, 40, dtype=torch.float64) + torch.eye(200, 40)[:, :40] * 0
        features[:rank] = basis[:rank]
        assert effective_rank(features) == pytest.approx(rank)
    assert effective_rank(torch.ones(30, 8)) == pytest.approx(1)
    assert effective_rank(torch.ones(30, 8), centered=True) == 0
    assert effective_rank(torch.zeros(30, 8)) == 0
    features = normal(500, 12)
    values = torch.linalg.svdvals(features)
    torch.testing.assert_close(singular_values(features), values)
    share = values / values.sum()
    assert effective_rank(features) == pytest.approx(torch.distributions.Categorical(share).entropy().exp().item())


def test_collapse_is_one_when_even_and_zero_at_a_point() -> None:
    assert collapse(normal(5000, 64)) == pytest.approx(1, abs=0.01)
    assert collapse(torch.ones(10, 4)) == pytest.approx(0, abs=1e-6)


def test_all_at_once_and_refusals() -> None:
    features = normal(50, 8).float()
    plain = diagnose(features)
    assert {"uniformity", "rank", "collapsed", "hubness"} <= set(plain)
    assert not {"tolerance", "alignment", "bound"} & set(plain)
    found = diagnose(features, torch.arange(50) % 5, features.view(25, 2, 8))
    assert list(found) == [name for name in NUMBERS if name in found]
    assert {"tolerance", "alignment", "lidar", "simplex", "bound"} <= set(found)
    assert all(math.isfinite(value) for value in found.values())
    assert "tolerance" not in diagnose(features, torch.arange(50))  # no class has two images
    for call in (uniformity, collapse, singular_values, collapsed_dimensions):
        with pytest.raises(UserError, match="not \\(4,\\)"):
            call(torch.ones(4))
    with pytest.raises(UserError, match="views"):
        alignment(torch.ones(4, 1, 3))
    with pytest.raises(UserError, match=r"\(4, 3\) and \(3,\)"):
        tolerance(torch.ones(4, 3), torch.ones(3, dtype=torch.long))
    with pytest.raises(UserError, match="1 have none"):
        tolerance(torch.ones(4, 3), torch.tensor([0, 0, 1, -1]))
