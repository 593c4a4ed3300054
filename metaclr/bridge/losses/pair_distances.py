"""Metric learning on pairs of rows: settings, distances and masks that triplet and siamese losses share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding import Embedding, unit_norm
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.losses.common import full_precision
from metaclr.bridge.objective import check_shapes
from metaclr.bridge.spec import ObjectiveSpec
from metaclr.errors import UserError


@dataclass(frozen=True)
class PairObjective(ObjectiveSpec):
    """Settings that losses on pairs of rows share."""

    margin: float = 1.0
    """How much farther than a positive a negative should be; of `siamese`, the distance that negatives should have."""
    embedding: Embedding = unit_norm
    labels: Literal["given", "instance"] = "given"

    def __post_init__(self) -> None:
        if self.labels not in ("given", "instance"):
            raise UserError(f"labels = {self.labels!r} must be 'given' or 'instance'")
        if not self.margin > 0:
            raise UserError(f"margin = {self.margin} must be above 0")

    @property
    def needs_labels(self) -> bool:
        """Unless every way is its own class."""
        return self.labels == "given"


class PairLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to `loss(squared distances (B, B), positive pairs, negative pairs, margin)`."""

    def __init__(self, settings: PairObjective, loss: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> None:
        super().__init__()
        self.settings, self.loss = settings, loss

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch; 0 if it has no positive pair or no negative pair, as `metaclr.bridge.Bridge`."""
        settings = self.settings
        rows, labels = labelled_rows(embeddings, context, settings.embedding, settings.labels)
        same, other = pair_masks(labels)
        loss = self.loss(squared_distances(rows), same, other, settings.margin)
        return loss.where(same.any() & other.any(), 0)


def labelled_rows(
    embeddings: Tensor, context: Context | None, embedding: Embedding, kind: str = "given"
) -> tuple[Tensor, Tensor]:
    """Rows `(B, d)` of all tasks together and int64 labels `(B,)`.

    Without labels each way is its own class, and so it is where `kind` is "instance", whatever the context holds.
    """
    context = check_shapes(embeddings, None if kind == "instance" else context)
    tasks, ways, views = embeddings.shape[:3]
    labels = context.labels
    if labels is None:
        labels = torch.arange(tasks * ways, device=embeddings.device).reshape(tasks, ways)
    if labels.shape != (tasks, ways):
        raise UserError(f"labels {tuple(labels.shape)} do not fit {tasks} tasks of {ways} ways")
    return embedding(upcast(embeddings).flatten(0, 2)), labels.flatten().repeat_interleave(views)


def squared_distances(rows: Tensor) -> Tensor:
    """`(B, D)` to `(B, B)`, never below 0; by one matrix product."""
    norms = rows.square().sum(-1)
    return (norms.unsqueeze(0) + norms.unsqueeze(1) - 2 * rows @ rows.T).clamp(min=0)


def pair_masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """bool `(B, B)` twice: pairs of different rows of one class, and pairs of rows of different classes."""
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return same & ~itself, ~same


def mean_of(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of the values that count; 0 where none does."""
    return values.where(counted, 0).sum() / counted.sum().clamp(min=1)
