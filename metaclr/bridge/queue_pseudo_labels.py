"""Axis 1, pseudo-labels from a queue: past rows that optimal transport assigns to a way become its support (PsCo)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding_queue import EmbeddingQueue
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class QueuePseudoLabels:
    """Pseudo-labels (Jang, Lee and Shin 2023, PsCo): defaults as in alinlab/PsCo."""

    shots: int = 4
    """Queue rows taken as support of each image."""
    size: int = 16384
    """Rows of the queue."""
    epsilon: float = 0.05
    """Entropy of the balanced assignment, as a divisor of its scores."""
    iterations: int = 3
    """Of Sinkhorn and Knopp's balancing."""

    def __post_init__(self) -> None:
        if not 1 <= self.shots <= self.size:
            raise UserError(f"labels.shots = {self.shots} must be between 1 and labels.size = {self.size}")
        if self.epsilon <= 0 or self.iterations < 1:
            raise UserError("labels.epsilon must be above 0 and labels.iterations at least 1")

    def module(self, sizes: Sizes) -> nn.Module:
        """The module with the queue's rows."""
        return QueuePseudoLabeler(self, sizes)


class QueuePseudoLabeler(nn.Module):
    """Replaces the support `(T, N, K, D)` for the `shots` queue rows assigned to each way's mean key."""

    def __init__(self, settings: QueuePseudoLabels, sizes: Sizes) -> None:
        super().__init__()
        self.settings = settings
        self.queue = EmbeddingQueue(settings.size, sizes.dim)

    def forward(self, assignment: RoleAssignment, context: Context) -> tuple[RoleAssignment, Tensor | None]:
        settings = self.settings
        rows, written = self.queue.read()
        with torch.no_grad():
            keys = assignment.support.mean(2).to(rows.dtype)
            scores = (keys @ rows.T).masked_fill(~written, float("-inf"))
            chosen = sinkhorn(scores, settings.epsilon, settings.iterations).topk(settings.shots, -1).indices
        if self.training:
            self.queue.push(assignment.support)
        return replace(assignment, support=rows[chosen].to(assignment.query.dtype)), None


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Balanced assignment of keys to rows, `(..., N, C)`: log of a plan whose rows sum to 1 (Cuturi 2013).

    Columns at -inf are ignored.
    """
    plan = scores / epsilon
    for _ in range(iterations):
        plan = plan - plan.logsumexp(-2, keepdim=True).nan_to_num(neginf=0.0)
        plan = plan - plan.logsumexp(-1, keepdim=True).nan_to_num(neginf=0.0)
    return plan
