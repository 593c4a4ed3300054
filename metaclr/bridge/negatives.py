"""Axis 8, negatives: columns beside, or instead of, those of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding_queue import EmbeddingQueue
from metaclr.bridge.labels import assignment_labels
from metaclr.bridge.logits.lazy_logits import ConcatenatedLogits, DenseLogits
from metaclr.bridge.logits.logits import MASKED, Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class InBatch:
    """The head's columns only. (Leave-one-out roles imply query-against-query negatives.)"""

    needs_labels: ClassVar[bool] = False

    def __call__(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Tensor | float) -> Logits:
        return logits


@dataclass(frozen=True)
class WithinClass:
    """Only rows of the query's own given class (class-conditional InfoNCE of L_spread, Chen et al. 2022)."""

    needs_labels: ClassVar[bool] = True

    def __call__(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Tensor | float) -> Logits:
        labels = assignment_labels(assignment, context)
        if labels is None:
            raise UserError("negatives within the class need Context.labels")
        rows = labels.repeat_interleave(assignment.query.shape[2], 1)
        columns = labels.repeat_interleave(logits.column_class.shape[-1] // labels.shape[1], 1)
        return logits.masked(rows.unsqueeze(-1) == columns.unsqueeze(-2))


@dataclass(frozen=True)
class Queue:
    """Each past support row is a distractor class of its own (MoCo, He et al. 2020, arXiv:1911.05722)."""

    needs_labels: ClassVar[bool] = False
    size: int = 65536  # the authors' for ImageNet
    with_batch: bool = False
    """Keep the other ways of the batch as negatives too; MoCo has its own key and the queue only."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UserError(f"negatives.size = {self.size} must be at least 1")

    def module(self, sizes: Sizes) -> nn.Module:
        """The module with the queue's rows."""
        return Queued(self, sizes)


class Queued(nn.Module):
    """Adds the queue's rows as columns, then pushes the support of this batch."""

    def __init__(self, settings: Queue, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        self.queue = EmbeddingQueue(settings.size, sizes.dim)

    def forward(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Tensor | float) -> Logits:
        rows, written = self.queue.read()
        rows = rows.to(assignment.query.dtype)
        if self.training:
            self.queue.push(assignment.support)
        classes, queries = logits.column_class, logits.query_class
        if not self.settings.with_batch:  # the query's positives only, which then form class 0
            classes, queries = (
                torch.zeros(size, dtype=torch.int64, device=rows.device) for size in logits.positive_logits.shape[:0:-1]
            )
        no_class = torch.full((*classes.shape[:-1], len(rows)), -1, device=rows.device)
        classes = torch.cat([classes, no_class], -1)

        def batch() -> Tensor:
            return logits.values if self.settings.with_batch else logits.positive_logits

        def dense() -> Tensor:
            past = logits.logits_for(rows).masked_fill(~written, MASKED)
            return torch.cat([batch(), past], -1)

        lazy = None
        if logits.given is not None and logits.lazy_against is not None:
            past = logits.lazy_against(rows, written)
            of_batch = logits.lazy if self.settings.with_batch else None
            lazy = None if past is None else ConcatenatedLogits(of_batch or DenseLogits(batch()), past)
        result = Logits(dense, queries, classes, logits.given, logits.logits_for, lazy)
        result.negative_seen = written.any()
        if self.settings.with_batch:
            result.negative_seen = result.negative_seen | logits.has_negative()
        return result


in_batch = InBatch()
within_class = WithinClass()
