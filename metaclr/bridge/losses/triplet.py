"""Triplet loss with semi-hard or batch-hard mining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from metaclr.bridge.losses.pair_distances import PairLoss, PairObjective, mean_of
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError

INFINITE = float("inf")


@dataclass(frozen=True)
class Triplet(PairObjective):
    """FaceNet (Schroff et al. 2015, arXiv:1503.03832); batch-hard is Hermans et al. 2017, arXiv:1703.07737."""

    formula: ClassVar[str] = r"\max(0, \|a-p\|^2 - \|a-n\|^2 + m)"
    margin: float = 0.2  # FaceNet
    mining: Literal["semi_hard", "batch_hard"] = "semi_hard"

    def __post_init__(self) -> None:
        if self.mining not in ("semi_hard", "batch_hard"):
            raise UserError(f"mining = {self.mining!r} must be 'semi_hard' or 'batch_hard'")
        super().__post_init__()

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return PairLoss(self, semi_hard if self.mining == "semi_hard" else batch_hard)


def batch_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Each anchor with its farthest positive and its nearest negative, mean over anchors that have both."""
    farthest = distances.where(same, -INFINITE).amax(-1)
    nearest = distances.where(other, INFINITE).amin(-1)
    usable = same.any(-1) & other.any(-1)
    gap = farthest.where(usable, 0) - nearest.where(usable, 0)
    return mean_of((gap + margin).relu(), usable)


def semi_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Each (anchor, positive) with its nearest negative among `d(a, p) < d(a, n) < d(a, p) + margin`.

    Pairs without such a negative are not counted.
    """
    ordered = distances.where(other, INFINITE).sort(-1).values
    place = torch.searchsorted(ordered.detach(), distances.detach(), right=True)
    negative = ordered.gather(-1, place.clamp(max=ordered.shape[-1] - 1))
    usable = same & (place < ordered.shape[-1]) & (negative.detach() < distances.detach() + margin)
    return mean_of(distances - negative.where(usable, 0) + margin, usable)
