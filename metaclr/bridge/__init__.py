"""The bridge: nine axes (`metaclr.bridge.axes`) and the one objective that they make."""

from metaclr.bridge.context import Context
from metaclr.bridge.denominators.each_positive import EachPositive
from metaclr.bridge.denominators.moving_average import MovingAverage
from metaclr.bridge.denominators.negative_weighting import HardestNegatives, HardWeighted, SimilarityThreshold
from metaclr.bridge.denominators.unweighted import (
    CrossEntropy,
    Decoupled,
    SimpleContrastive,
    SquaredError,
    cross_entropy,
    decoupled,
)
from metaclr.bridge.embedding import Embedding, first_dims, raw, unit_norm
from metaclr.bridge.hard_mixed import HardMixed
from metaclr.bridge.heads.in_context import InContext
from metaclr.bridge.heads.pairwise import Matching, Pairs
from metaclr.bridge.heads.prototypes import Prototypes
from metaclr.bridge.heads.relation import Relation
from metaclr.bridge.heads.ridge import Ridge
from metaclr.bridge.heads.snail import Snail
from metaclr.bridge.heads.svm import SVM
from metaclr.bridge.labels import Cluster, Given, Instance, Typed, cluster, given, instance, typed
from metaclr.bridge.nearest_neighbors import NearestNeighbors
from metaclr.bridge.negatives import InBatch, Queue, WithinClass, in_batch, within_class
from metaclr.bridge.objective import Bridge, Objective
from metaclr.bridge.predictor import WithPredictor
from metaclr.bridge.queue_pseudo_labels import QueuePseudoLabels
from metaclr.bridge.roles import AmongQueries, LeaveOneOut, Split, Swap, among_queries, leave_one_out, split, swap
from metaclr.bridge.settings import format_setting, leaves, override
from metaclr.bridge.spec import NoObjective, ObjectiveSpec, Sizes
from metaclr.bridge.tasks import Resample, Tasks, one_task
from metaclr.bridge.weighted_sum import WeightedSum
from metaclr.heads.similarity import cosine, dot, semi_normalized, squared_euclidean

__all__ = [
    "SVM",
    "AmongQueries",
    "Bridge",
    "Cluster",
    "Context",
    "CrossEntropy",
    "Decoupled",
    "EachPositive",
    "Embedding",
    "Given",
    "HardMixed",
    "HardWeighted",
    "HardestNegatives",
    "InBatch",
    "InContext",
    "Instance",
    "LeaveOneOut",
    "Matching",
    "MovingAverage",
    "NearestNeighbors",
    "NoObjective",
    "Objective",
    "ObjectiveSpec",
    "Pairs",
    "Prototypes",
    "Queue",
    "QueuePseudoLabels",
    "Relation",
    "Resample",
    "Ridge",
    "SimilarityThreshold",
    "SimpleContrastive",
    "Sizes",
    "Snail",
    "Split",
    "SquaredError",
    "Swap",
    "Tasks",
    "Typed",
    "WeightedSum",
    "WithPredictor",
    "WithinClass",
    "among_queries",
    "cluster",
    "cosine",
    "cross_entropy",
    "decoupled",
    "dot",
    "first_dims",
    "format_setting",
    "given",
    "in_batch",
    "instance",
    "leave_one_out",
    "leaves",
    "one_task",
    "override",
    "raw",
    "semi_normalized",
    "split",
    "squared_euclidean",
    "swap",
    "typed",
    "unit_norm",
    "within_class",
]
