"""All diagnostics of one embedding, by name."""

from __future__ import annotations

from torch import Tensor

from metaclr.diagnose.collapse import collapse
from metaclr.diagnose.geometry import alignment, tolerance, uniformity
from metaclr.diagnose.spectrum import effective_rank


def diagnose(features: Tensor, labels: Tensor | None = None, views: Tensor | None = None) -> dict[str, float]:
    """uniformity, collapse, rank, centered rank; tolerance with labels (M,); alignment with views (B, V, D).

    features: (M, D), M >= 2.
    """
    found = {
        "uniformity": uniformity(features),
        "collapse": collapse(features),
        "rank": effective_rank(features),
        "centered rank": effective_rank(features, centered=True),
    }
    if labels is not None:
        found["tolerance"] = tolerance(features, labels)
    if views is not None:
        found["alignment"] = alignment(views)
    return found
