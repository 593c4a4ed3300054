"""A learner prepared for training by several ranks."""

from __future__ import annotations

from typing import Any

from torch import nn

from metaclr.engine.distributed import ranks, same_start, shared_axis
from metaclr.engine.sync_norm import share_norms
from metaclr.errors import UserError


def prepare_for_ranks(learner: nn.Module, sampler: Any, *, sync_norm: bool) -> None:
    """Set the axis that ranks split, share batch norms (`sync_norm`), and copy rank 0's weights to all ranks.

    Raises:
        UserError: a sampler without `shape`, or a batch that the ranks cannot split evenly.
    """
    shape = getattr(sampler, "shape", None)
    if shape is None:
        raise UserError("several ranks need a sampler with a `shape`, like episodes.EpisodeSampler")
    if hasattr(learner, "shared_axis"):
        axis = shared_axis(shape.tasks, shape.way, ranks().world)
        setattr(learner, "shared_axis", axis)  # noqa: B010 - not an attribute of every Module
    if sync_norm:
        for name in getattr(learner, "networks", ()):
            if isinstance(child := getattr(learner, name, None), nn.Module):
                share_norms(child)
    same_start(learner)
