"""Evaluation by several ranks: rows of features and pieces of work dealt out, and put together again, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor

from metaclr.engine.distributed import all_reduce_max, ranks
from metaclr.engine.process_group import gather_objects, raise_together
from metaclr.evaluation.measurement import Measurement


def distribute(work: Sequence[Callable[[], list[Measurement]]]) -> list[Measurement]:
    """Do every piece of work on one rank, in turn; every rank gets all measurements, in the order of the pieces.

    Raises:
        UserError: what a piece raised on any rank.
    """
    rank_info = ranks()
    mine = raise_together(lambda: [_plain(piece()) for piece in work[rank_info.rank :: rank_info.world]])
    parts = gather_objects(mine)
    return [
        found for number in range(len(work)) for found in parts[number % rank_info.world][number // rank_info.world]
    ]


def whole(rows: Tensor, *, device: torch.device) -> Tensor:
    """Features (M, F) of which each rank has filled in its own rows and left the others 0.

    A rank that had none gives (M, 0).
    """
    width = int(all_reduce_max(float(rows.shape[1]), device=device)[0])
    full = rows if rows.shape[1] else rows.new_zeros(len(rows), width)
    if ranks().world > 1:
        dist.all_reduce(full)  # one number and zeros: the sum is that number
    return full


def _plain(found: list[Measurement]) -> list[Measurement]:
    """Measurements as another process may have them: nothing of this one's device or inference mode."""
    return [replace(m, per_item=None if m.per_item is None else m.per_item.detach().cpu()) for m in found]
