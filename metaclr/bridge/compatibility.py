"""Which axis values can be combined; other combinations are refused with the reason."""

from __future__ import annotations

from math import isfinite
from typing import Any, Protocol

from metaclr.bridge.denominators.moving_average import MovingAverage
from metaclr.bridge.denominators.negative_weighting import HardWeighted
from metaclr.bridge.embedding import Embedding
from metaclr.bridge.heads.pairwise import Matching, Pairs
from metaclr.bridge.labels import Given
from metaclr.bridge.nearest_neighbors import NearestNeighbors
from metaclr.bridge.negatives import InBatch, Queue, WithinClass
from metaclr.bridge.queue_pseudo_labels import QueuePseudoLabels
from metaclr.bridge.roles import LeaveOneOut
from metaclr.bridge.settings import format_setting
from metaclr.bridge.tasks import Resample
from metaclr.errors import UserError
from metaclr.heads.similarity import cosine, squared_euclidean

MAX_LOGIT_SCALE = 100.0  # CLIP (Radford et al. 2021) clips its learned 1 / tau there: tau does not fall below 0.01


class Settings(Protocol):
    """What is checked: the fields of an `Objective`, which this module does not import."""

    @property
    def labels(self) -> Any: ...
    @property
    def roles(self) -> Any: ...
    @property
    def tasks(self) -> Any: ...
    @property
    def embedding(self) -> Embedding: ...
    @property
    def head(self) -> Any: ...
    @property
    def temperature(self) -> float: ...
    @property
    def learn_temperature(self) -> bool: ...
    @property
    def negatives(self) -> Any: ...
    @property
    def denominator(self) -> Any: ...


def check(objective: Settings) -> None:
    """Refuse a combination of settings that is undefined.

    Raises:
        UserError: the two settings and the reason.
    """
    if not (isfinite(objective.temperature) and objective.temperature > 0):
        raise UserError(f"temperature = {objective.temperature} must be finite and above 0: logits are divided by it")
    if objective.learn_temperature and objective.temperature < 1 / MAX_LOGIT_SCALE:
        raise UserError(f"temperature = {objective.temperature} cannot be learned below {1 / MAX_LOGIT_SCALE}")
    for wrong, first, second, reason in _rules(objective):
        if wrong:
            raise UserError(f"{format_setting(first)} does not go with {format_setting(second)}: {reason}")


def _rules(o: Settings) -> list[tuple[bool, object, object, str]]:
    """(is violated, one setting, the other, reason)."""
    fits_classifier = getattr(o.head, "fits_classifier", False)
    leave_one_out = isinstance(o.roles, LeaveOneOut)
    rows = isinstance(o.head, Pairs | Matching)
    similarity = getattr(o.head, "similarity", None)
    bounded = similarity is cosine or (o.embedding.unit and similarity is not squared_euclidean)
    return [
        (
            leave_one_out and fits_classifier,
            o.roles,
            o.head,
            "a head that fits a classifier needs a support apart from its queries",
        ),
        (
            leave_one_out and isinstance(o.negatives, Queue),
            o.roles,
            o.negatives,
            "a queue holds support rows, and every row of leave-one-out is a query; use split or swap",
        ),
        (
            leave_one_out and isinstance(o.labels, QueuePseudoLabels | NearestNeighbors),
            o.roles,
            o.labels,
            "the queue takes the support's place",
        ),
        (
            fits_classifier and not isinstance(o.negatives, InBatch),
            o.head,
            o.negatives,
            "its columns are the classes of its classifier; none can be added or left out",
        ),
        (
            fits_classifier and getattr(o.denominator, "separates_positives", False),
            o.head,
            o.denominator,
            "its classifier weighs all classes jointly, so positives and negatives cannot be separated",
        ),
        (
            isinstance(o.denominator, HardWeighted) and not bounded,
            o.denominator,
            o.embedding,
            "its floor n e^(-1/tau) holds for cosines: use unit_norm with dot or cosine",
        ),
        (
            isinstance(o.negatives, WithinClass) and not rows,
            o.negatives,
            o.head,
            "only support rows can be chosen by class; use Pairs or Matching",
        ),
        (
            isinstance(o.negatives, WithinClass) and isinstance(o.labels, Given),
            o.negatives,
            o.labels,
            "every row of the class would be a positive, and no negative is left",
        ),
        (
            isinstance(o.tasks, Resample) and isinstance(o.denominator, MovingAverage),
            o.tasks,
            o.denominator,
            "an image that is drawn into several tasks has no single moving average",
        ),
        (
            isinstance(o.labels, QueuePseudoLabels | NearestNeighbors) and not isinstance(o.negatives, InBatch),
            o.labels,
            o.negatives,
            "the queue is the support already",
        ),
    ]
