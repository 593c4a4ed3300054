"""Features in two dimensions, for a map: principal components, or UMAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from metaclr.errors import UserError, unknown
from metaclr.evaluation.umap_layout import umap_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

METHODS = ("pca", "umap")


@dataclass(frozen=True, eq=False)
class Projection:
    """points (M, 2) float64; description: how they came about, with what they keep."""

    points: NDArray[np.float64]
    description: str


def project(features: Tensor, method: str = "pca", *, neighbors: int = 15, seed: int = 0) -> Projection:
    """Two dimensions of features (M, F).

    "pca": the two directions of largest variance; distances on the map are at most those between features. "umap"
    (McInnes et al. 2018, arXiv:1802.03426; needs the extra `umap`) on cosine distances: keeps neighborhoods, while
    distances between clusters, and their sizes, say little.

    Args:
        neighbors: of UMAP. seed: of UMAP's layout.

    Raises:
        UserError: an unknown method, fewer than 3 images, or a missing library.
    """
    if method not in METHODS:
        raise unknown("map", method, METHODS)
    if len(features) < 3:
        raise UserError(f"a map of {len(features)} images: at least 3 are needed")
    rows = features.detach().cpu().double().numpy()
    return _pca(rows) if method == "pca" else _umap(rows, neighbors, seed)


def _pca(rows: NDArray[np.float64]) -> Projection:
    from sklearn.decomposition import PCA

    fitted: Any = PCA(n_components=min(2, *rows.shape), svd_solver="full")
    with np.errstate(invalid="ignore"):  # features that are all alike have no variance to divide by
        found = fitted.fit_transform(rows)
    points = np.pad(found, ((0, 0), (0, 2 - found.shape[1])))
    # An axis may be turned around: its largest coordinate is positive, so that the same features give the same map.
    at = np.abs(points).argmax(0)
    points = points * np.where(points[at, [0, 1]] < 0, -1.0, 1.0)
    kept = 100 * float(np.nan_to_num(fitted.explained_variance_ratio_).sum())
    return Projection(points, f"two principal components, which keep {kept:.0f} % of the variance of the features")


def _umap(rows: NDArray[np.float64], neighbors: int, seed: int) -> Projection:
    points = umap_layout(rows, neighbors, seed)
    near = min(neighbors, len(rows) - 1)
    text = f"UMAP of cosine distances, {near} neighbors, seed {seed}; distances between clusters say little"
    return Projection(np.asarray(points, dtype=np.float64), text)
