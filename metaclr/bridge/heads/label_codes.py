"""Heads that read labels: in training each task gets other label vectors for its ways, so that all are trained."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.heads import Classifier


class CodedHead(Protocol):
    """A head that is fitted to a support and to the code, below `codes`, of each way; `calls` counts its draws."""

    codes: int
    seed: int
    calls: Tensor
    training: bool

    def fit(self, support: Tensor) -> Classifier:
        """Support (E, N, K, D), with the codes 0 to N - 1."""

    def fit_coded(self, support: Tensor, code: Tensor) -> Classifier:
        """The same with code int64 (E, N), distinct in an episode."""


def coded_logits(
    head: CodedHead, what: str, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float
) -> Logits:
    """Logits of the queries by a head; in training with codes drawn for each task, where there are enough of them.

    what: the head, for messages.

    Raises:
        UserError: a label occurs twice in a task, or there are more ways than codes.
    """
    require_distinct_labels(labels, what)
    support = assignment.support
    if head.training and support.shape[1] <= head.codes:
        classifier = head.fit_coded(support, draw_codes(head.seed, head.calls, head.codes, *support.shape[:2]))
        head.calls += 1
    else:
        classifier = head.fit(support)
    return class_logits(classifier.logits(assignment.query.flatten(1, 2)) * scale, assignment.query.shape[2])


def draw_codes(seed: int, calls: Tensor, codes: int, tasks: int, ways: int) -> Tensor:
    """Distinct codes in 0 .. `codes` - 1 of each task, int64 (T, N), a function of (seed, calls so far).

    calls: 0-d int64, on the device of the result.
    """
    from episodes.random import key, random_words

    items = torch.arange(tasks * codes, device=calls.device) + calls * tasks * codes
    return random_words(key(seed, "label vectors"), items).view(tasks, codes).argsort(-1)[:, :ways]
