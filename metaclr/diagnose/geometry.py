"""How close related examples lie on the unit sphere, and how evenly all examples fill it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError

_CHUNK = 1024


def alignment(views: Tensor, alpha: float = 2.0) -> float:
    """Mean distance between two views of an example, to the power `alpha`: E |x - y|^alpha (Wang and Isola 2020,
    arXiv:2005.10242). 0 is perfect; 2 is chance for unit vectors in many dimensions and alpha = 2.

    views: (B, V, D) with V >= 2, over all pairs of views; brought to unit norm here.
    """
    if views.ndim != 3 or views.shape[1] < 2:
        raise UserError(f"alignment needs views (B, V, D) with V of 2 or more, not {tuple(views.shape)}")
    unit = F.normalize(views.double(), dim=-1)
    first, second = torch.triu_indices(views.shape[1], views.shape[1], offset=1, device=views.device)
    return float((unit[:, first] - unit[:, second]).norm(dim=-1).pow(alpha).mean())


def uniformity(features: Tensor, t: float = 2.0) -> float:
    """log E exp(-t |x - y|^2) over all pairs of different examples (Wang and Isola 2020). Lower is more even.

    features: (M, D), M >= 2; brought to unit norm here. For t = 2 the even sphere of 128 dimensions has -3.9375.
    """
    if features.ndim != 2 or len(features) < 2:
        raise UserError(f"uniformity needs features (M, D) with M of 2 or more, not {tuple(features.shape)}")
    unit = F.normalize(features.double(), dim=1)
    count = len(unit)
    parts = [(2 * t * (part @ unit.mT - 1)).logsumexp((0, 1)) for part in torch.split(unit, _CHUNK)]
    # Each example with itself has exp(0) = 1, M of them; what is left is over M (M - 1) pairs.
    total = float(torch.stack(parts).logsumexp(0))
    return total + math.log1p(-min(count / math.exp(total), 1 - 1e-16)) - math.log(count * (count - 1))


def tolerance(features: Tensor, labels: Tensor) -> float:
    """Mean cosine of two different examples of a class (Wang and Liu 2021, arXiv:2012.09740). 1 is a collapsed class.

    features (M, D), labels int64 (M,). It reads labels: a diagnostic only. Pairs of all classes count alike, and
    a pair's mean comes from class sums: |sum of n unit vectors|^2 = n + (the sum over their pairs).
    """
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise UserError(f"tolerance needs (M, D) and (M,), not {tuple(features.shape)} and {tuple(labels.shape)}")
    unit = F.normalize(features.double(), dim=1)
    labels = labels.to(features.device)
    count = torch.bincount(labels).double()
    sums = unit.new_zeros(len(count), unit.shape[1]).index_add_(0, labels, unit)
    own = unit.new_zeros(len(count)).index_add_(0, labels, unit.square().sum(1))
    pairs = float((count * (count - 1)).sum())
    if not pairs:
        raise UserError("tolerance needs a class with 2 examples or more")
    return float((sums.square().sum(1) - own).sum()) / pairs
