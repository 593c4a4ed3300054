"""Diagnostics of an embedding: numbers that explain a result; none of them is one, and none needs a training run."""

from metaclr.diagnose.collapse import collapse
from metaclr.diagnose.geometry import alignment, tolerance, uniformity
from metaclr.diagnose.spectrum import effective_rank, singular_values
from metaclr.diagnose.summary import diagnose

__all__ = [
    "alignment",
    "collapse",
    "diagnose",
    "effective_rank",
    "singular_values",
    "tolerance",
    "uniformity",
]
