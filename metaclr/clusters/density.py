"""Density clusters on re-ranked distances: UFLST (Ji et al. 2020, ZilongJi/LearningToCluster_Omniglot)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from metaclr.clusters.rerank import jaccard_distances
from metaclr.errors import UserError


@dataclass(frozen=True)
class Density:
    """DBSCAN (scikit-learn) on k-reciprocal Jaccard distances; all defaults are the authors'.

    neighbors, expansion: k1 and k2 of the re-ranking. min_samples: of a core point of DBSCAN, itself included.
    share: DBSCAN's radius is the mean of this share of all pair distances, the smallest ones that are not 0.
    """

    neighbors: int = 20
    expansion: int = 6
    min_samples: int = 4
    share: float = 5e-4

    def __post_init__(self) -> None:
        for name in ("neighbors", "expansion", "min_samples"):
            if getattr(self, name) < 1:
                raise UserError(f"clusters.by.{name} = {getattr(self, name)} must be at least 1")
        if not 0 < self.share <= 1:
            raise UserError(f"clusters.by.share = {self.share} must be above 0 and at most 1")

    partitions = 1

    def fit(self, rows: Tensor, key: int) -> Tensor:
        """Cluster rows (M, D): int64 (1, M). Clusters come first; every outlier has a label of its own after them.

        key: nothing is random.

        Raises:
            UserError: fewer images than `neighbors`.
        """
        from sklearn.cluster import DBSCAN

        if len(rows) <= self.neighbors:
            raise UserError(
                f"density clusters with clusters.by.neighbors = {self.neighbors} need more images than that, got "
                f"{len(rows)}; set fewer neighbors"
            )
        distances = jaccard_distances(rows, self.neighbors, self.expansion)
        radius = self.radius(distances)
        model = DBSCAN(eps=radius, min_samples=self.min_samples, metric="precomputed")
        labels = torch.from_numpy(model.fit_predict(_within(distances, radius))).long()
        outliers = labels < 0
        labels[outliers] = labels.max() + 1 + torch.arange(int(outliers.sum()))
        return labels.unsqueeze(0)

    def radius(self, distances: csr_matrix) -> float:
        """DBSCAN's radius for distances (M, M), of which those that are not stored are 1."""
        count = distances.shape[0]
        rows = np.repeat(np.arange(count), np.diff(distances.indptr))
        upper = distances.data[distances.indices > rows]
        pairs = count * (count - 1) // 2 - int((upper == 0).sum())
        taken = max(1, round(self.share * pairs))
        stored = upper[upper > 0]
        stored = np.sort(np.partition(stored, taken)[:taken] if taken < len(stored) else stored)
        # The other pairs share no neighbor, and their distance is 1.
        return float((stored.sum() + (taken - len(stored))) / taken)


def _within(distances: csr_matrix, radius: float) -> csr_matrix:
    """The stored distances up to `radius`, those of 0 included: all that DBSCAN reads, of which it sorts every row."""
    kept = distances.data <= radius
    pointers = np.concatenate([[0], np.cumsum(kept)])[distances.indptr]
    return csr_matrix((distances.data[kept], distances.indices[kept], pointers), shape=distances.shape)
