"""Diagnostics of an embedding: numbers that help to explain a score, computed from features alone."""

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
