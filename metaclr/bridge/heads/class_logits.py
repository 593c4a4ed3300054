"""Class logits: what the heads share that give one column per way."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.bridge.logits.logits import Logits
from metaclr.errors import UserError


def class_logits(scores: Tensor, n_query: int) -> Logits:
    """Scores `(T, N Q, N)` of queries that are sorted by way, Q = `n_query` of each, as logits."""
    way = torch.arange(scores.shape[-1], device=scores.device)
    place = way.repeat_interleave(n_query)
    positive_logits = scores.gather(-1, place.unsqueeze(-1).expand(len(scores), -1, 1))
    return Logits(lambda: scores, place, way, positive_logits)


def require_distinct_labels(labels: Tensor | None, head: str) -> None:
    """Refuse tasks in which two ways carry the same label: a class head would tell them apart.

    Only looked at on the CPU: on a GPU the look would stop the step, and the samplers draw distinct classes.

    Raises:
        UserError: a label occurs twice in a task.
    """
    if labels is None or labels.device.type != "cpu":
        return
    ordered = labels.sort(-1).values
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise UserError(f"{head} takes every way for a class of its own, but a label occurs twice in a task")
