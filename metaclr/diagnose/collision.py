"""Latent classes of a contrastive task: how often a negative is of the anchor's class, and the bound that it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.diagnose.rows import CHUNK, check_labels
from metaclr.errors import UserError


def collision_probability(labels: Tensor, negatives: int = 1) -> float:
    """Probability that at least one of `negatives` random images has the class of a random image, from labels (M,).

    sum_c p_c (1 - (1 - p_c)^k) for classes of frequency p_c; 1 - (1 - 1/C)^k for C classes alike. Images are drawn
    with replacement.

    Raises:
        UserError: no labels, or less than one negative.
    """
    if labels.ndim != 1 or not len(labels) or negatives < 1:
        raise UserError(
            f"a collision probability needs labels (M,) and a negative, not {tuple(labels.shape)}, {negatives}"
        )
    share = torch.unique(labels, return_counts=True)[1].double() / len(labels)
    # 1 - (1 - p)^k without loss of digits where p is small; p = 1 gives log1p(-1) = -inf and 1.
    return float((share * -torch.expm1(negatives * torch.log1p(-share))).sum())


@dataclass(frozen=True)
class LatentBound:
    """Both sides of the inequality of Arora et al.; `supervised` is at most `bound`."""

    collision: float
    contrastive: float
    supervised: float
    bound: float


def latent_bound(features: Tensor, labels: Tensor, *, draws: int = 200_000, seed: int = 0) -> LatentBound:
    r"""The bound that contrastive loss gives on the loss of the mean classifier, measured (Arora et al. 2019,
    arXiv:1902.09229, lemma 4.3).

    x and x+ are independent draws from one class, x- is a draw from all images, and l(v) = log2(1 + e^{-v}), so that
    l(0) = 1. By Jensen's inequality over x+ and x-,

        L_un = E l(f(x)^T (f(x+) - f(x-))) >= E l(f(x)^T (mu_c - mu_c-)) = (1 - t) L_mean + t l(0),

    t being the probability that c- = c, which gives L_mean <= (L_un - t) / (1 - t): the two-way loss of class means as
    weights, the prototype head. Features are scaled to norm 1. Images with replacement, M draws of x at most `draws`.

    features (M, D), labels int64 (M,).

    Raises:
        UserError: other shapes, or fewer than two classes.
    """
    check_labels("the bound of latent classes", features, labels)
    ids, dense, counts = torch.unique(labels.cpu(), return_inverse=True, return_counts=True)
    if len(ids) < 2:
        raise UserError(f"the bound of latent classes needs 2 classes or more, not {len(ids)}")
    collision = collision_probability(labels.cpu())
    generator = torch.Generator().manual_seed(seed)
    order = dense.argsort()  # rows class by class, so that a row of a class is found by its rank
    starts = counts.cumsum(0) - counts
    sums = torch.zeros(len(ids), features.shape[1], dtype=torch.float64, device=features.device)
    for start in range(0, len(features), CHUNK):
        sums.index_add_(0, dense[start : start + CHUNK].to(features.device), _unit(features[start : start + CHUNK]))
    means = sums / counts.to(features.device).unsqueeze(1)
    contrastive, supervised, apart = 0.0, 0.0, 0
    for drawn in range(0, draws, CHUNK):
        size = min(CHUNK, draws - drawn)
        anchor, negative = (torch.randint(len(features), (size,), generator=generator) for _ in range(2))
        own, other = dense[anchor], dense[negative]
        rank = (torch.rand(size, generator=generator, dtype=torch.float64) * counts[own]).long()
        positive = order[starts[own] + rank]
        x = _unit(features[anchor.to(features.device)])
        difference = _unit(features[positive.to(features.device)]) - _unit(features[negative.to(features.device)])
        contrastive += float(_loss((x * difference).sum(1)).sum())
        differs = own != other
        of_means = means[own.to(means.device)] - means[other.to(means.device)]
        supervised += float(_loss((x * of_means).sum(1))[differs.to(x.device)].sum())
        apart += int(differs.sum())
    found = contrastive / draws
    return LatentBound(collision, found, supervised / max(apart, 1), (found - collision) / (1 - collision))


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows.detach().double(), dim=1)


def _loss(margin: Tensor) -> Tensor:
    """log2(1 + e^{-v}), 1 at v = 0."""
    return F.softplus(-margin) / math.log(2)
