"""The nine axes of the bridge, as what each one is called with.

| axis | question | values |
|---|---|---|
| labels | which rows are of one class? | `instance`, `given`, `QueuePseudoLabels` |
| roles | which views are support, which queries? | `split`, `swap`, `leave_one_out` |
| views | what do the views of a way look like? | on `Method`: `views`, `support_views`, `task_transform` |
| tasks | how many tasks is a batch? | `one_task`, `Tasks`, `Resample` |
| embedding | which vectors are compared? | `raw`, `unit_norm`, `first_dims` |
| head | how do support rows become logits? | `Prototypes`, `Matching`, `Pairs`, `Ridge`, `SVM`, `Relation` |
| scale | how sharp? | `temperature`, `learn_temperature` |
| negatives | which columns besides the batch? | `in_batch`, `Queue`, `within_class` |
| denominator | how do logits become a loss? | `cross_entropy`, `Decoupled`, `HardWeighted`, `HardestNegatives`, ... |

An axis value is a frozen dataclass that is called; one with state (a queue, learned weights) has `module(sizes)`, which
builds an `nn.Module` that is called in the same way. `metaclr.bridge.compatibility` reads three more attributes:
`fits_classifier` of a head (it fits a classifier to the support, so no column can be added or removed),
`separates_positives` of a denominator (it treats positives and negatives differently), `needs_labels` of negatives.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes

Scale = Tensor | float  # 1 / temperature: a number, or a 0-d tensor where it is learned


class Labels(Protocol):
    """Axis 1: may exchange the support of a turn, and says the label of each way (None: each its own)."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]: ...


class Tasks(Protocol):
    """Axis 4: embeddings `(T, N, V, D)` and all that the context holds of them, as other tasks."""

    def __call__(self, embeddings: Tensor, context: Context) -> tuple[Tensor, Context]: ...


class Head(Protocol):
    """Axis 6: logits of every query against every column, times the scale."""

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Scale) -> Logits: ...

    def numerator(self, logits: Logits) -> Tensor:
        """What is said for the query's own columns, `(T, R)`."""


class Negatives(Protocol):
    """Axis 8: the same queries with other columns."""

    def __call__(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Scale) -> Logits: ...


class Denominator(Protocol):
    """Axis 9: the loss of each query, `(T, R)`, from its logits and its numerator `(T, R)`."""

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Scale) -> Tensor: ...


T_co = TypeVar("T_co", covariant=True)


class HasModule(Protocol[T_co]):
    """An axis with state: its module is called like an axis without."""

    def module(self, sizes: Sizes) -> T_co: ...
