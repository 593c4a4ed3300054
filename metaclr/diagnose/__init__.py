"""Diagnostics of an embedding: numbers that help to explain a score, computed from features alone."""

from metaclr.diagnose.class_geometry import class_geometry
from metaclr.diagnose.collapse import collapse
from metaclr.diagnose.collision import collision_probability, latent_bound
from metaclr.diagnose.geometry import alignment, tolerance, uniformity
from metaclr.diagnose.lidar import lidar
from metaclr.diagnose.neighbors import augmentation_overlap, hubness, nearest_neighbors
from metaclr.diagnose.similarity import similarities
from metaclr.diagnose.spectrum import collapsed_dimensions, effective_rank, singular_values
from metaclr.diagnose.summary import diagnose

__all__ = [
    "alignment",
    "augmentation_overlap",
    "class_geometry",
    "collapse",
    "collapsed_dimensions",
    "collision_probability",
    "diagnose",
    "effective_rank",
    "hubness",
    "latent_bound",
    "lidar",
    "nearest_neighbors",
    "similarities",
    "singular_values",
    "tolerance",
    "uniformity",
]
