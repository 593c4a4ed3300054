"""Clusters of embeddings as labels: k-means and density clusters, and tasks whose classes they are."""

from metaclr.clusters.clustering import Clustering
from metaclr.clusters.density import Density
from metaclr.clusters.kmeans import KMeans

__all__ = ["Clustering", "Density", "KMeans"]
