"""Triplet loss with semi-hard or batch-hard mining."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.losses.pair_distances import PairLoss, PairObjective, mean_of
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError

INFINITE = float("inf")
SMALLEST = 1e-12  # under the root, as VisualComputingInstitute/triplet-reid


@dataclass(frozen=True)
class Triplet(PairObjective):
    """FaceNet (Schroff et al. 2015, arXiv:1503.03832); batch-hard is Hermans et al. 2017, arXiv:1703.07737."""

    formula: ClassVar[str] = r"\max(0, \|a-p\|^2 - \|a-n\|^2 + m)"
    margin: float = 0.2  # FaceNet
    mining: Literal["semi_hard", "batch_hard"] = "semi_hard"
    """Which negatives: "semi_hard", the nearest beyond the positive within the margin, for every positive pair;
    "batch_hard", the nearest of all, with the farthest positive of each anchor."""
    squared: bool = True
    """Squared Euclidean distances (FaceNet), or Euclidean ones (Hermans et al., which train better with them)."""
    soft: bool = False
    """`log(1 + exp(d_p - d_n))` in place of the hinge with a margin (Hermans et al.)."""

    def __post_init__(self) -> None:
        if self.mining not in ("semi_hard", "batch_hard"):
            raise UserError(f"mining = {self.mining!r} must be 'semi_hard' or 'batch_hard'")
        if self.soft and self.mining == "semi_hard":
            raise UserError("soft = True needs mining = 'batch_hard': semi-hard negatives are chosen by the margin")
        super().__post_init__()

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        mine = semi_hard if self.mining == "semi_hard" else partial(batch_hard, soft=self.soft)
        return PairLoss(self, mine if self.squared else partial(_euclidean, mine))


def _euclidean(
    loss: Callable[[Tensor, Tensor, Tensor, float], Tensor], squared: Tensor, same: Tensor, other: Tensor, margin: float
) -> Tensor:
    return loss((squared + SMALLEST).sqrt(), same, other, margin)


def batch_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float, soft: bool = False) -> Tensor:
    """Each anchor with its farthest positive and its nearest negative, mean over anchors that have both."""
    farthest = distances.where(same, -INFINITE).amax(-1)
    nearest = distances.where(other, INFINITE).amin(-1)
    usable = same.any(-1) & other.any(-1)
    gap = farthest.where(usable, 0) - nearest.where(usable, 0)
    return mean_of(F.softplus(gap) if soft else (gap + margin).relu(), usable)


def semi_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Each (anchor, positive) with its nearest negative among `d(a, p) < d(a, n) < d(a, p) + margin`.

    Pairs without such a negative are not counted.
    """
    ordered = distances.where(other, INFINITE).sort(-1).values
    place = torch.searchsorted(ordered.detach(), distances.detach(), right=True)
    negative = ordered.gather(-1, place.clamp(max=ordered.shape[-1] - 1))
    usable = same & (place < ordered.shape[-1]) & (negative.detach() < distances.detach() + margin)
    return mean_of(distances - negative.where(usable, 0) + margin, usable)
