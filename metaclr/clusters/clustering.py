"""When the images are clustered in a training, and how: the settings of `labels = cluster`."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from episodes import random
from metaclr.clusters.density import Density
from metaclr.clusters.kmeans import KMeans
from metaclr.clusters.neighbors import Neighbors
from metaclr.errors import UserError

MIN_STEPS = 25
"""Steps of a round, at least."""


@dataclass(frozen=True)
class Clustering:
    """The images are clustered `rounds` times, at even distances from step `start` * steps on.

    Short trainings have fewer rounds, of `MIN_STEPS` steps at least.

    Before the first clustering every image is a class of its own, and its views are the images of the class. A cluster
    is a class until the next clustering; an image outside of all clusters stays a class of its own.

    by: the algorithm. unit: cluster features of unit norm (else as they are).
    """

    by: KMeans | Density | Neighbors = KMeans()  # noqa: RUF009 - a frozen value
    start: float = 0.0
    rounds: int = 1
    unit: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.start < 1:
            raise UserError(f"clusters.start = {self.start} must be at least 0 and below 1: a share of the steps")
        if self.rounds < 1:
            raise UserError(f"clusters.rounds = {self.rounds} must be at least 1")

    def steps(self, total: int) -> tuple[int, ...]:
        """The steps of a training of `total` steps before which the images are clustered, ascending.

        >>> Clustering(start=0.5, rounds=2).steps(100)
        (50, 75)
        """
        first = round(self.start * total)
        rounds = min(self.rounds, max(1, (total - first) // MIN_STEPS))
        return tuple(first + i * (total - first) // rounds for i in range(rounds))

    def fit(self, features: Tensor, *, seed: int, step: int) -> Tensor:
        """Cluster features (M, F): int64 (P, M), P partitions; on the CPU.

        A function of the features and (seed, step). An image outside of all clusters has a label of its own.

        Raises:
            UserError: fewer images than `by` needs.
        """
        rows = F.normalize(features, dim=1) if self.unit else features
        return self.by.fit(rows, random.key(seed, "clusters", step))
