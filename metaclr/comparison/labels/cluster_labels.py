"""`labels = cluster` for any method: clusters of its own embeddings take the place of annotated classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metaclr.bridge import Given, Instance, cluster
from metaclr.bridge.settings import override
from metaclr.clusters import Clustering, Density, KMeans
from metaclr.errors import UserError, unknown
from metaclr.methods import Method
from metaclr.positives.objective_labels import with_axis

PREFIX = "clusters."
"""Begins the settings of the clustering: `clusters.rounds=5`, `clusters.by=density`, `clusters.by.neighbors=10`."""

ALGORITHMS: dict[str, type[KMeans | Density]] = {"kmeans": KMeans, "density": Density}


def is_cluster_setting(key: str, value: object) -> bool:
    """Whether a setting of a method is read here, and not by its objective."""
    return key.startswith(PREFIX) or (key == "labels" and value == "cluster")


def with_cluster_labels(method: Method, settings: Mapping[str, Any]) -> Method:
    """The method with the clustering that a user set; without such settings as it is.

    settings: of the method's entry. `labels = cluster` makes an objective of given labels read clusters, and one of
    instances too; `clusters.KEY` changes how and when the images are clustered.

    Raises:
        UserError: an objective without labels, clusters of a method that has none, an unknown setting.
    """
    chosen = {key: value for key, value in settings.items() if is_cluster_setting(key, value)}
    if not chosen:
        return method
    title = method.name or "method"
    how = method.clusters
    if "labels" in chosen:
        objective = with_axis(method.objective, Given, cluster) or with_axis(method.objective, Instance, cluster)
        if objective is None and not method.objective.needs_labels and method.way_type == "instances":
            raise UserError(
                f"{title}.labels = 'cluster': its objective has no labels; see metaclr methods --labels given"
            )
        how = how or Clustering(start=0.2)  # as `cactus`
        method = replace(method, objective=objective or method.objective, labels="cluster", clusters=how)
    if how is None:
        raise UserError(f"{title}: {next(iter(chosen))} is set, but it has no clusters; set {title}.labels=cluster")
    changes = {key.removeprefix(PREFIX): value for key, value in chosen.items() if key != "labels"}
    by = changes.pop("by", None)
    if by is not None:
        if by not in ALGORITHMS:
            raise unknown(f"{title}.clusters.by", str(by), ALGORITHMS)
        how = replace(how, by=ALGORITHMS[by]())
    return replace(method, clusters=override(how, **changes))
