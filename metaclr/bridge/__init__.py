"""The bridge: nine axes (`metaclr.bridge.axes`) and the one objective that they make."""

from metaclr.bridge.blend import Blend
from metaclr.bridge.context import Context
from metaclr.bridge.denominators import Decoupled, Everything, Linear, SquaredError, decoupled, everything
from metaclr.bridge.embedding import Embedding, first_dims, raw, unit_norm
from metaclr.bridge.hard import Above, Hardest, HardWeighted
from metaclr.bridge.labels import Given, Instance, given, instance
from metaclr.bridge.nearest import Nearest
from metaclr.bridge.negatives import InBatch, Queue, WithinClass, in_batch, within_class
from metaclr.bridge.objective import Bridge, Objective
from metaclr.bridge.predicted import Predicted
from metaclr.bridge.prototypes import Prototypes
from metaclr.bridge.relation import Relation
from metaclr.bridge.ridge import Ridge
from metaclr.bridge.roles import LeaveOneOut, Split, Swap, leave_one_out, split, swap
from metaclr.bridge.rows import Matching, Pairs
from metaclr.bridge.running import Running
from metaclr.bridge.settings import leaves, override, shown
from metaclr.bridge.similarity import cosine, dot, semi_normalised, squared_euclidean
from metaclr.bridge.spec import NoObjective, ObjectiveSpec, Sizes
from metaclr.bridge.svm import SVM
from metaclr.bridge.tasks import Resample, Tasks, one_task

__all__ = [
    "SVM",
    "Above",
    "Blend",
    "Bridge",
    "Context",
    "Decoupled",
    "Embedding",
    "Everything",
    "Given",
    "HardWeighted",
    "Hardest",
    "InBatch",
    "Instance",
    "LeaveOneOut",
    "Linear",
    "Matching",
    "Nearest",
    "NoObjective",
    "Objective",
    "ObjectiveSpec",
    "Pairs",
    "Predicted",
    "Prototypes",
    "Queue",
    "Relation",
    "Resample",
    "Ridge",
    "Running",
    "Sizes",
    "Split",
    "SquaredError",
    "Swap",
    "Tasks",
    "WithinClass",
    "cosine",
    "decoupled",
    "dot",
    "everything",
    "first_dims",
    "given",
    "in_batch",
    "instance",
    "leave_one_out",
    "leaves",
    "one_task",
    "override",
    "raw",
    "semi_normalised",
    "shown",
    "split",
    "squared_euclidean",
    "swap",
    "unit_norm",
    "within_class",
]
