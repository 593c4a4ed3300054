"""Shared by objectives without class logits: rows of each view, pairs of views, float32."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from itertools import combinations
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.objective import check_shapes
from metaclr.errors import UserError

M = TypeVar("M")
P = ParamSpec("P")


def views_of(embeddings: Tensor, context: Context | None = None, least: int = 2) -> list[Tensor]:
    """One float tensor `(B, D)` for each view of `(T, N, V, D)`, B = T N: without ways, tasks do not matter.

    Raises:
        UserError: another shape, or fewer views than `least`.
    """
    check_shapes(embeddings, context)
    if embeddings.shape[2] < least:
        raise UserError(f"this objective needs at least {least} views of each way, got {embeddings.shape[2]}")
    return list(upcast(embeddings).flatten(0, 1).unbind(1))


def full_precision(forward: Callable[Concatenate[M, Tensor, P], Tensor]) -> Callable[Concatenate[M, Tensor, P], Tensor]:
    """Disable autocast in a forward: batch statistics and distances are never computed in half precision."""

    @wraps(forward)
    def without_autocast(module: M, embeddings: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            return forward(module, embeddings, *args, **kwargs)

    return without_autocast


def view_pairs(views: int) -> list[tuple[int, int]]:
    """Unordered pairs of different views."""
    return list(combinations(range(views), 2))


def mean(terms: list[Tensor]) -> Tensor:
    """Mean of scalars."""
    return torch.stack(terms).mean()


def check_batch(what: str, rows: int, least: int) -> None:
    """Refuse a batch too small for its statistics.

    Raises:
        UserError: fewer rows than `least`.
    """
    if rows < least:
        raise UserError(f"{what} needs at least {least} images in a batch, got {rows}")
