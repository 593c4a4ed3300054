"""Two dimensions of features by UMAP, which is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaclr.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBORS = 15


def umap_layout(rows: NDArray[Any], neighbors: int = NEIGHBORS, seed: int = 0) -> NDArray[Any]:
    """Coordinates (M, 2) of rows (M, F) by cosine distance: UMAP (McInnes et al. 2018, arXiv:1802.03426).

    It keeps neighborhoods; distances between clusters, and their sizes, say little. The same seed gives the same map.

    Raises:
        UserError: umap-learn is not installed; the line says how to get it.
    """
    umap = need("umap", "a map by UMAP")
    near = min(neighbors, len(rows) - 1)
    found: NDArray[Any] = umap.UMAP(n_neighbors=near, metric="cosine", random_state=seed, n_jobs=1).fit_transform(rows)
    return found
