"""Evaluation on several ranks: each embeds and measures its share, and every rank gets all results, exactly."""

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
    """Measurements of all work items, in their order; rank r runs items r, r + world, r + 2 world, ...

    Raises:
        UserError: what an item raised on any rank.
    """
    rank_info = ranks()
    mine = raise_together(lambda: [_detached(item()) for item in work[rank_info.rank :: rank_info.world]])
    by_rank = gather_objects(mine)
    return [
        measurement
        for number in range(len(work))
        for measurement in by_rank[number % rank_info.world][number // rank_info.world]
    ]


def gather_features(rows: Tensor, *, device: torch.device) -> Tensor:
    """Features (M, F) of all ranks, from each rank's own rows with zeros elsewhere.

    A rank without any batch passes (M, 0).
    """
    width = int(all_reduce_max(float(rows.shape[1]), device=device)[0])
    gathered = rows if rows.shape[1] else rows.new_zeros(len(rows), width)
    if ranks().world > 1:
        dist.all_reduce(gathered)  # one number and zeros: the sum is that number
    return gathered


def _detached(measurements: list[Measurement]) -> list[Measurement]:
    """Measurements that another process can receive: plain CPU tensors, without inference mode."""

    def plain(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.detach().cpu()

    return [
        replace(m, per_item=plain(m.per_item), classes=plain(m.classes), without=plain(m.without)) for m in measurements
    ]
