"""The nine axes of the bridge: what each one computes, and the signature of its values.

| axis | question | values |
|---|---|---|
| labels | which rows share a class? | `instance`, `given`, `cluster`, `typed`, two of a queue's rows |
| roles | which views are support, which queries? | `split`, `swap`, `leave_one_out`, `among_queries` |
| views | what do the views of a way look like? | on `Method`: `views`, `support_views`, `task_transform` |
| tasks | how many tasks is a batch? | `one_task`, `Tasks`, `Resample` |
| embedding | which vectors are compared? | `raw`, `unit_norm`, `first_dims` |
| head | support to logits? | `Prototypes`, `Matching`, `Pairs`, `Ridge`, `SVM`, `Relation`, `InContext`, `Snail` |
| scale | how sharp? | `temperature`, `learn_temperature` |
| negatives | which columns beside the batch? | `in_batch`, `Queue`, `within_class`, `HardMixed` |
| denominator | how do logits become a loss? | `cross_entropy`, `Decoupled`, `HardWeighted`, `HardestNegatives`, ... |

An axis value is a frozen dataclass that is called; one with state (a queue, learned weights) has `module(sizes)`, which
builds an `nn.Module` that is called in the same way. Five more attributes are read where they exist: `fits_classifier`
of a head (no column can be added or removed), `sums_positives` of a head (its numerator is the log of the positives'
summed probability, not the mean of their logits), `separates_positives` of a denominator (it treats positives and
negatives differently), `needs_labels` and `needs_batch` of negatives (the latter: they read `Context.batch`).
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
    """Axis 1: may replace the support; returns the label of each way (None: every way is its own class)."""

    def __call__(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]: ...


class Tasks(Protocol):
    """Axis 4: regroups embeddings `(T, N, V, D)` and their context into other tasks."""

    def __call__(self, embeddings: Tensor, context: Context) -> tuple[Tensor, Context]: ...


class Head(Protocol):
    """Axis 6: logits of every query against every column, times the scale."""

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Scale) -> Logits: ...


class Negatives(Protocol):
    """Axis 8: adds or masks columns."""

    def __call__(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Scale) -> Logits: ...


class Denominator(Protocol):
    """Axis 9: the loss of each query, `(T, R)`, from its logits and its numerator `(T, R)`."""

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Scale) -> Tensor: ...


T_co = TypeVar("T_co", covariant=True)


class HasModule(Protocol[T_co]):
    """An axis value with state: its module is called like a stateless value."""

    def module(self, sizes: Sizes) -> T_co: ...
