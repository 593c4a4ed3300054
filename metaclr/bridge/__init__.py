"""The bridge: nine axes and the one objective that they make."""

from metaclr.bridge.context import Context
from metaclr.bridge.denominators import everything
from metaclr.bridge.embedding import Embedding, first_dims, raw, unit_norm
from metaclr.bridge.objective import Objective
from metaclr.bridge.prototypes import Prototypes
from metaclr.bridge.roles import leave_one_out, split, swap
from metaclr.bridge.rows import Matching, Pairs
from metaclr.bridge.similarity import cosine, dot, semi_normalised, squared_euclidean
from metaclr.bridge.spec import NoObjective, ObjectiveSpec

__all__ = [
    "Context",
    "Embedding",
    "Matching",
    "NoObjective",
    "Objective",
    "ObjectiveSpec",
    "Pairs",
    "Prototypes",
    "cosine",
    "dot",
    "everything",
    "first_dims",
    "leave_one_out",
    "raw",
    "semi_normalised",
    "split",
    "squared_euclidean",
    "swap",
    "unit_norm",
]
