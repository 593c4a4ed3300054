"""Alignment, uniformity and tolerance of an embedding on the unit sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.diagnose.rows import check_labels, check_rows, check_views, unit_chunks
from metaclr.errors import UserError

MAX_EXACT = 4096
"""Rows up to which `uniformity` takes all pairs."""
BLOCK = 256
"""Rows of a random block, whose pairs stand for all pairs of more rows."""


def alignment(views: Tensor, alpha: float = 2.0) -> float:
    """E |x - y|^alpha over pairs of views of an example, a distance on the unit sphere (Wang and Isola 2020,
    arXiv:2005.10242). 0 is perfect; 2 is chance for unit vectors in many dimensions and alpha = 2.

    views: (B, V, D) with V >= 2, normalized here. Raises UserError for another shape.
    """
    check_views("alignment", views)
    first, second = torch.triu_indices(views.shape[1], views.shape[1], offset=1, device=views.device)
    total = sum(
        float((unit[:, first] - unit[:, second]).norm(dim=-1).pow(alpha).sum())
        for unit in unit_chunks(views, 4096 // views.shape[1] + 1)
    )
    return total / (len(views) * len(first))


def uniformity(features: Tensor, t: float = 2.0, *, max_exact: int = MAX_EXACT, seed: int = 0) -> float:
    """log E exp(-t |x - y|^2) over pairs of different examples (Wang and Isola 2020). Lower is more even.

    Up to `max_exact` rows it takes all pairs. More rows are shuffled into blocks of `BLOCK` and it takes the pairs of
    every block: an unbiased estimate of the mean that uses each row, in time O(M BLOCK D).

    features: (M, D), M >= 2, normalized here. The uniform sphere in 128 dimensions has -3.9375 for t = 2. Raises
    UserError for another shape.
    """
    check_rows("uniformity", features)
    count = len(features)
    if count > max_exact:
        return _uniformity_of_blocks(features, t, seed)
    unit = torch.cat(list(unit_chunks(features)))
    parts = [(2 * t * (part @ unit.mT - 1)).logsumexp((0, 1)) for part in torch.split(unit, 1024)]
    # Subtract the M pairs of an example with itself, exp(0) = 1 each; M (M - 1) pairs remain.
    total = float(torch.stack(parts).logsumexp(0))
    return total + math.log1p(-min(count / math.exp(total), 1 - 1e-16)) - math.log(count * (count - 1))


def _uniformity_of_blocks(features: Tensor, t: float, seed: int) -> float:
    blocks = len(features) // BLOCK
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    order = order[: blocks * BLOCK].to(features.device)
    diagonal = torch.eye(BLOCK, dtype=torch.bool, device=features.device)
    parts = torch.empty(-(-blocks // 16), dtype=torch.float64)
    for number, rows in enumerate(torch.split(order, 16 * BLOCK)):
        unit = F.normalize(features[rows].double(), dim=1).view(-1, BLOCK, features.shape[1])
        exponents = torch.baddbmm(unit.new_full((1, 1, 1), -2 * t), unit, unit.mT, alpha=2 * t)
        parts[number] = exponents.masked_fill_(diagonal, -torch.inf).logsumexp((0, 1, 2))
    return float(parts.logsumexp(0)) - math.log(blocks * BLOCK * (BLOCK - 1))


def tolerance(features: Tensor, labels: Tensor) -> float:
    """Mean cosine of two different examples of a class (Wang and Liu 2021, arXiv:2012.09740); 1 for collapsed classes.

    features (M, D), labels int64 (M,). All pairs have the same weight; the sum over the pairs of a class follows from
    its sum of unit vectors: |sum of n|^2 = n + sum over pairs.

    Raises:
        UserError: other shapes, or no class with 2 examples.
    """
    check_labels("tolerance", features, labels)
    labels = labels.to(features.device)
    count = torch.bincount(labels).double()
    sums = torch.zeros(len(count), features.shape[1], dtype=torch.float64, device=features.device)
    squared_norms = torch.zeros_like(count)
    start = 0
    for unit in unit_chunks(features):
        of = labels[start : start + len(unit)]
        sums.index_add_(0, of, unit)
        squared_norms.index_add_(0, of, unit.square().sum(1))
        start += len(unit)
    pairs = float((count * (count - 1)).sum())
    if not pairs:
        raise UserError("tolerance needs a class with 2 examples or more")
    return float((sums.square().sum(1) - squared_norms).sum()) / pairs
