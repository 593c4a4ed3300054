"""Images of one cluster of the method's own embeddings, clustered anew in the course of training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from metaclr.bridge import Given, cluster
from metaclr.clusters import Clustering
from metaclr.positives.objective_labels import check_axis, with_axis
from metaclr.positives.source import Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method

START = 0.2
"""As `cactus`: clusters of random weights mean little."""


@dataclass(frozen=True)
class Cluster(Positives):
    """No settings here: `clusters.by`, `clusters.start` and `clusters.rounds` are those of every method on clusters."""

    summary: ClassVar[str] = "images of one cluster of the method's own embeddings"
    reference: ClassVar[str] = "Hsu, Levine and Finn 2019, arXiv:1810.02334"

    def method(self, method: Method) -> Method:
        """Ways are clusters, or images with clusters as their labels where the method reads labels."""
        check_axis(method, "cluster")
        if method.labels == "cluster":
            return method
        objective = with_axis(method.objective, Given, cluster) or method.objective
        way_type = "classes" if method.labels == "instance" else method.way_type
        how = Clustering(start=START)
        return replace(method, way_type=way_type, labels="cluster", clusters=how, objective=objective)


SOURCE = Cluster
