"""k-means partitions of embeddings: CACTUs (Hsu, Levine and Finn 2019, arXiv:1810.02334)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from episodes import random
from metaclr.errors import UserError

MIN_IMAGES = 10
"""Mean images of a cluster: a set of fewer than `clusters` times as many gets fewer clusters."""


@dataclass(frozen=True)
class KMeans:
    """Lloyd's algorithm from k-means++ (scikit-learn), once for each partition.

    clusters: k, the authors' 500; at most one for every `MIN_IMAGES` images. partitions: the first is of the
    embeddings, the others are of embeddings with dimensions scaled by random factors in [0, 1) (the authors have up to
    100). iterations: at most (the authors' 3,000).
    """

    clusters: int = 500
    partitions: int = 1
    iterations: int = 100

    def __post_init__(self) -> None:
        for name, least in (("clusters", 2), ("partitions", 1), ("iterations", 1)):
            if getattr(self, name) < least:
                raise UserError(f"clusters.by.{name} = {getattr(self, name)} must be at least {least}")

    def count(self, images: int) -> int:
        """Number of clusters of a set of `images` images."""
        return min(self.clusters, max(2, images // MIN_IMAGES))

    def fit(self, rows: Tensor, key: int) -> Tensor:
        """Cluster rows (M, D): int64 (P, M), labels 0 to k - 1 of each partition; a function of rows and key.

        Raises:
            UserError: fewer than two images.
        """
        from sklearn.cluster import KMeans as Lloyd
        from threadpoolctl import threadpool_limits

        if len(rows) < 2:
            raise UserError(f"k-means needs at least 2 images, got {len(rows)}")
        points = rows.detach().float().cpu()
        dims = torch.arange(points.shape[1])
        found = []
        for partition in range(self.partitions):
            scales = random.uniform(random.key(key, "scales", partition), dims) if partition else 1.0
            seed = random.key(key, "k-means", partition) % (1 << 31)
            model = Lloyd(self.count(len(rows)), n_init=1, max_iter=self.iterations, random_state=seed)
            with threadpool_limits(1):  # the order in which several threads add up their sums changes from run to run
                found.append(torch.from_numpy(model.fit_predict((points * scales).numpy())).long())
        return torch.stack(found)
