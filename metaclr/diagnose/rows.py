"""Rows of an embedding in chunks of float64, so that a million of them need little memory beside themselves."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError

CHUNK = 4096
"""Rows that are converted to float64 at a time."""


def check_rows(what: str, features: Tensor, least: int = 2) -> None:
    """Refuse features that are not (M, D) with M of at least `least`.

    Raises:
        UserError: names the measure and the shape.
    """
    if features.ndim != 2 or len(features) < least or not features.shape[1]:
        raise UserError(f"{what} needs features (M, D) with M of {least} or more, not {tuple(features.shape)}")


def check_labels(what: str, features: Tensor, labels: Tensor) -> None:
    """Refuse labels that are not one class id of at least 0 for each row of (M, D).

    Raises:
        UserError: names the measure and both shapes.
    """
    check_rows(what, features, 1)
    if labels.shape != features.shape[:1]:
        raise UserError(f"{what} needs (M, D) and (M,), not {tuple(features.shape)} and {tuple(labels.shape)}")
    if labels.numel() and int(labels.min()) < 0:
        raise UserError(f"{what} needs a class of each row; {int((labels < 0).sum())} have none (-1)")


def check_views(what: str, views: Tensor, least: int = 1) -> None:
    """Refuse views that are not (B, V, D) with V of 2 or more and B of at least `least`.

    Raises:
        UserError: names the measure and the shape.
    """
    if views.ndim != 3 or views.shape[1] < 2 or len(views) < least:
        more = f" and B of {least} or more" if least > 1 else ""
        raise UserError(f"{what} needs views (B, V, D) with V of 2 or more{more}, not {tuple(views.shape)}")


def chunks(rows: Tensor, size: int = CHUNK) -> Iterator[Tensor]:
    """Consecutive parts of (M, ...) along the first axis, in float64, without gradient."""
    for part in torch.split(rows.detach(), size):
        yield part.double()


def unit_chunks(rows: Tensor, size: int = CHUNK) -> Iterator[Tensor]:
    """As `chunks`, with the last axis scaled to norm 1."""
    for part in chunks(rows, size):
        yield F.normalize(part, dim=-1)


def sample_rows(count: int, most: int, seed: int = 0) -> Tensor:
    """Sorted indices of `most` of `count` rows, drawn without replacement; all of them where they are no more."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:most].sort().values
