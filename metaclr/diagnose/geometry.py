"""Alignment, uniformity and tolerance of an embedding on the unit sphere."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError

_CHUNK = 1024


def alignment(views: Tensor, alpha: float = 2.0) -> float:
    """E |x - y|^alpha over pairs of views of an example, a distance on the unit sphere (Wang and Isola 2020,
    arXiv:2005.10242). 0 is perfect; 2 is chance for unit vectors in many dimensions and alpha = 2.

    views: (B, V, D) with V >= 2, normalized here. Raises UserError for another shape.
    """
    if views.ndim != 3 or views.shape[1] < 2:
        raise UserError(f"alignment needs views (B, V, D) with V of 2 or more, not {tuple(views.shape)}")
    unit = F.normalize(views.double(), dim=-1)
    first, second = torch.triu_indices(views.shape[1], views.shape[1], offset=1, device=views.device)
    return float((unit[:, first] - unit[:, second]).norm(dim=-1).pow(alpha).mean())


def uniformity(features: Tensor, t: float = 2.0) -> float:
    """log E exp(-t |x - y|^2) over all pairs of different examples (Wang and Isola 2020). Lower is more even.

    features: (M, D), M >= 2, normalized here. The uniform sphere in 128 dimensions has -3.9375 for t = 2. Raises
    UserError for another shape.
    """
    if features.ndim != 2 or len(features) < 2:
        raise UserError(f"uniformity needs features (M, D) with M of 2 or more, not {tuple(features.shape)}")
    unit = F.normalize(features.double(), dim=1)
    count = len(unit)
    parts = [(2 * t * (part @ unit.mT - 1)).logsumexp((0, 1)) for part in torch.split(unit, _CHUNK)]
    # Subtract the M pairs of an example with itself, exp(0) = 1 each; M (M - 1) pairs remain.
    total = float(torch.stack(parts).logsumexp(0))
    return total + math.log1p(-min(count / math.exp(total), 1 - 1e-16)) - math.log(count * (count - 1))


def tolerance(features: Tensor, labels: Tensor) -> float:
    """Mean cosine of two different examples of a class (Wang and Liu 2021, arXiv:2012.09740); 1 for collapsed classes.

    features (M, D), labels int64 (M,). All pairs have the same weight; the sum over the pairs of a class follows from
    its sum of unit vectors: |sum of n|^2 = n + sum over pairs.

    Raises:
        UserError: other shapes, or no class with 2 examples.
    """
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise UserError(f"tolerance needs (M, D) and (M,), not {tuple(features.shape)} and {tuple(labels.shape)}")
    unit = F.normalize(features.double(), dim=1)
    labels = labels.to(features.device)
    count = torch.bincount(labels).double()
    sums = unit.new_zeros(len(count), unit.shape[1]).index_add_(0, labels, unit)
    squared_norms = unit.new_zeros(len(count)).index_add_(0, labels, unit.square().sum(1))
    pairs = float((count * (count - 1)).sum())
    if not pairs:
        raise UserError("tolerance needs a class with 2 examples or more")
    return float((sums.square().sum(1) - squared_norms).sum()) / pairs
