"""The geometry of an encoder's features on a target: numbers that stand beside every result of a comparison."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from metaclr.diagnose import alignment, collapse, effective_rank, lidar, tolerance, uniformity
from metaclr.evaluation.features import features
from metaclr.evaluation.probe_views import probe_views, spaced

if TYPE_CHECKING:
    import torch

    from episodes import ImageSet, Views
    from metaclr.evaluation.target import Embedded

MAX_ROWS = 2000
"""Images whose pairs and singular values are measured, evenly spaced: a quarter of a second for a target."""
VIEW_IMAGES, N_VIEWS = 256, 4
"""Images whose views are drawn, and the views of each; LiDAR is at most VIEW_IMAGES - 1."""


@dataclass(frozen=True)
class Geometry:
    """See `metaclr.diagnose` for the formulas. None: not measured. `tolerance` alone needs labels."""

    alignment: float | None = None
    uniformity: float | None = None
    rank: float | None = None
    lidar: float | None = None
    spread: float | None = None
    tolerance: float | None = None


GEOMETRY = tuple(field.name for field in fields(Geometry))
"""Names of the numbers, which are columns of rows.csv."""


def target_geometry(embedded: Embedded, views: Views | None, device: torch.device, **options: Any) -> Geometry:
    """Measure the features of a target, and those of views of some of its images.

    Args:
        views: what draws the views, the same for every encoder; None leaves out alignment and LiDAR.
        options: of `features`.
    """
    images, rows = embedded.target.images, embedded.features
    if len(rows) < 2:
        return Geometry()
    some = rows[spaced(len(rows), MAX_ROWS).to(rows.device)]
    aligned = ranked = None
    if views is not None:
        drawn = probe_views(images.select(spaced(len(images), VIEW_IMAGES)), views, N_VIEWS)
        pairs = features(embedded.encoder, drawn, device, **options).view(-1, N_VIEWS, rows.shape[1])
        aligned, ranked = alignment(pairs), lidar(pairs)
    return Geometry(
        alignment=aligned,
        uniformity=uniformity(some),
        rank=effective_rank(some),
        lidar=ranked,
        spread=collapse(some),
        tolerance=tolerance(rows, images.required_labels()) if _has_pairs(images) else None,
    )


def _has_pairs(images: ImageSet) -> bool:
    """Whether two images have one label."""
    return images.labels is not None and int(images.class_counts().max()) > 1
