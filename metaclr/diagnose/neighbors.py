"""Nearest neighbors by cosine, hubness, and how often views are confused with those of other images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_rows, check_views, sample_rows, unit_chunks
from metaclr.errors import UserError

MAX_ROWS = 10_000
"""Rows of which neighbors are looked for; more are sampled."""


def nearest_neighbors(features: Tensor, k: int, queries: Tensor | None = None) -> Tensor:
    """Indices (Q, k) of the k most similar other rows of (M, D) by cosine, most similar first.

    queries: indices (Q,) of the rows that ask; None: all.

    Raises:
        UserError: another shape, or not 1 <= k < M.
    """
    check_rows("neighbors", features)
    if not 1 <= k < len(features):
        raise UserError(f"k = {k}: from 1 to {len(features) - 1} other rows")
    unit = torch.cat(list(unit_chunks(features))).float()
    asking = torch.arange(len(unit)) if queries is None else queries
    found = []
    for rows in torch.split(asking.to(unit.device), 1024):
        cosine = unit[rows] @ unit.mT
        cosine[torch.arange(len(rows), device=unit.device), rows] = -2
        found.append(cosine.topk(k, dim=1).indices)
    return torch.cat(found)


@dataclass(frozen=True)
class Hubness:
    """skewness of the k-occurrences, share of rows that are in no list, and the longest k-occurrence over k."""

    skewness: float
    antihubs: float
    largest: float
    rows: int


def hubness(features: Tensor, k: int = 10, *, max_rows: int = MAX_ROWS, seed: int = 0) -> Hubness:
    """Whether few rows are among the k nearest neighbors of many (Radovanovic et al. 2010, JMLR 11:2487).

    The k-occurrence of a row is the number of rows that have it among their k nearest by cosine; its mean is k. Its
    skewness is 0 where all are alike, and large where hubs draw queries to them.

    features: (M, D); more than `max_rows` are sampled. Raises UserError for another shape or not 1 <= k < M.
    """
    check_rows("hubness", features)
    rows = features[sample_rows(len(features), max_rows, seed).to(features.device)]
    found = nearest_neighbors(rows, k).flatten()
    occurrences = torch.bincount(found, minlength=len(rows)).double()
    spread = occurrences.std(correction=0)
    skewness = ((occurrences - k) / spread).pow(3).mean() if float(spread) > 0 else torch.zeros(())
    return Hubness(float(skewness), float((occurrences == 0).double().mean()), float(occurrences.max()) / k, len(rows))


@dataclass(frozen=True)
class Overlap:
    """`confused`: share of views whose nearest other view is of another image; `same_class`: of those, the share whose
    image has the same class, None without labels or confusion."""

    confused: float
    same_class: float | None
    views: int


def augmentation_overlap(views: Tensor, labels: Tensor | None = None) -> Overlap:
    """How far the views of different images overlap in the embedding (Wang et al. 2022, arXiv:2203.13457, whose
    average confusion ratio this is, for one neighbor).

    Contrastive learning of views connects images through views that are alike; theory wants such overlap within
    classes and none between them (HaoChen et al. 2021, arXiv:2106.04156). 0: every view is nearest to one of its own
    image. Views that are drawn at random reach (B V - V) / (B V - 1).

    views: (B, V, D) of B images, labels (B,). Raises UserError for another shape.
    """
    check_views("augmentation overlap", views, 2)
    count, per_image = views.shape[:2]
    if labels is not None and labels.shape != (count,):
        raise UserError(f"augmentation overlap needs labels ({count},), not {tuple(labels.shape)}")
    nearest = nearest_neighbors(views.flatten(0, 1), 1)[:, 0].cpu() // per_image
    own = torch.arange(count).repeat_interleave(per_image)
    confused = nearest != own
    same = None
    if labels is not None and bool(confused.any()):
        ids = labels.cpu()
        same = float((ids[nearest[confused]] == ids[own[confused]]).double().mean())
    return Overlap(float(confused.double().mean()), same, count * per_image)
