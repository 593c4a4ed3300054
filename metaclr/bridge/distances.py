"""Metric learning on row pairs: what triplet and siamese losses share."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.embedding import Embedding
from metaclr.bridge.objective import check_shapes
from metaclr.errors import UserError


def labelled_rows(embeddings: Tensor, context: Context | None, embedding: Embedding) -> tuple[Tensor, Tensor]:
    """Rows `(B, d)` of all tasks together and int64 labels `(B,)`; without labels each way is its own class."""
    context = check_shapes(embeddings, context)
    tasks, ways, views = embeddings.shape[:3]
    labels = context.labels
    if labels is None:
        labels = torch.arange(tasks * ways, device=embeddings.device).reshape(tasks, ways)
    if labels.shape != (tasks, ways):
        raise UserError(f"labels {tuple(labels.shape)} do not fit {tasks} tasks of {ways} ways")
    full = embeddings.float() if embeddings.dtype.itemsize < 4 else embeddings
    return embedding(full.flatten(0, 2)), labels.flatten().repeat_interleave(views)


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
