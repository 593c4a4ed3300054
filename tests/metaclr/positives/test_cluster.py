"""`cluster`: clusters of the method's own embeddings are the ways, also where the objective reads no labels."""

from __future__ import annotations

from metaclr import methods
from metaclr.comparison.labels.positives_setting import declared
from metaclr.positives.cluster import Cluster


def test_ways_are_clusters() -> None:
    method = Cluster().method(methods.get("byol"))
    assert (method.labels, method.way_type) == ("cluster", "classes")
    assert {axis for axis, _, _ in methods.diff(Cluster().method(methods.get("protonet")), "cactus")} <= {
        "clusters", "views",
    }  # fmt: skip
    of = declared(methods.get("vicreg"), {"positives": "cluster", "clusters.rounds": 3})
    assert of.clusters is not None
    assert of.clusters.rounds == 3
