"""Metric learning on row pairs: what triplet and siamese losses share."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.embedding import Embedding
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.objective import check_shapes
from metaclr.errors import UserError


def check_pairs(labels: str, margin: float) -> None:
    """Refuse settings that no loss on pairs has.

    Raises:
        UserError: labels neither "given" nor "instance", or a margin that is not above 0.
    """
    if labels not in ("given", "instance"):
        raise UserError(f"labels = {labels!r} must be 'given' or 'instance'")
    if not margin > 0:
        raise UserError(f"margin = {margin} must be above 0")


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
