"""The contrastive loss of siamese networks: pairs of one class together, others apart up to a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from metaclr.bridge.losses.pair_distances import PairLoss, PairObjective, mean_of
from metaclr.bridge.spec import Sizes

SMALLEST = 1e-12  # under the root, where its slope is infinite


@dataclass(frozen=True)
class Siamese(PairObjective):
    """Hadsell et al. 2006. Positive and negative pairs have the same total weight, whatever their numbers.

    margin: 1.0, Hadsell et al.; on unit vectors a distance is at most 2.
    """

    formula: ClassVar[str] = r"y\,d^2 + (1-y)\max(0, m-d)^2"

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return PairLoss(self, contrastive)


def contrastive(squared: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Mean of d^2 over positive pairs plus mean of `max(0, margin - d)^2` over negative pairs."""
    short = (margin - squared.clamp(min=SMALLEST).sqrt()).relu().square()
    return mean_of(squared, same) + mean_of(short, other)
