"""Evaluation by several ranks: rows of features and pieces of work dealt out, and put together again, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import Tensor

from metaclr.engine.distributed import agree, ranks
from metaclr.engine.together import in_step, of_all
from metaclr.evaluation.measurement import Measurement


def shared_out(work: Sequence[Callable[[], list[Measurement]]]) -> list[Measurement]:
    """Do every piece of work on one rank, in turn; every rank gets all measurements, in the order of the pieces.

    Raises:
        UserError: what a piece raised on any rank.
    """
    here = ranks()
    mine = in_step(lambda: [_plain(piece()) for piece in work[here.rank :: here.world]])
    parts = of_all(mine)
    return [found for number in range(len(work)) for found in parts[number % here.world][number // here.world]]


def whole(rows: Tensor, *, device: torch.device) -> Tensor:
    """Features (M, F) of which each rank has filled in its own rows and left the others 0.

    A rank that had none gives (M, 0).
    """
    width = int(agree(float(rows.shape[1]), device=device)[0])
    full = rows if rows.shape[1] else rows.new_zeros(len(rows), width)
    if ranks().world > 1:
        dist.all_reduce(full)  # one number and zeros: the sum is that number
    return full


def _plain(found: list[Measurement]) -> list[Measurement]:
    """Measurements as another process may have them: nothing of this one's device or inference mode."""
    return [replace(m, per_item=None if m.per_item is None else m.per_item.detach().cpu()) for m in found]
