"""Triplet loss with semi-hard or batch-hard mining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding import Embedding, unit_norm
from metaclr.bridge.losses.common import full_precision
from metaclr.bridge.losses.pair_distances import check_pairs, labelled_rows, mean_of, pair_masks, squared_distances
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError

INFINITE = float("inf")


@dataclass(frozen=True)
class Triplet(ObjectiveSpec):
    """FaceNet (Schroff et al. 2015, arXiv:1503.03832); batch-hard is Hermans et al. 2017, arXiv:1703.07737."""

    formula: ClassVar[str] = r"\max(0, \|a-p\|^2 - \|a-n\|^2 + m)"
    mining: Literal["semi_hard", "batch_hard"] = "semi_hard"
    margin: float = 0.2  # FaceNet
    embedding: Embedding = unit_norm
    labels: Literal["given", "instance"] = "given"

    def __post_init__(self) -> None:
        if self.mining not in ("semi_hard", "batch_hard"):
            raise UserError(f"mining = {self.mining!r} must be 'semi_hard' or 'batch_hard'")
        check_pairs(self.labels, self.margin)

    @property
    def needs_labels(self) -> bool:
        """Unless every way is its own class."""
        return self.labels == "given"

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return TripletLoss(self)


class TripletLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the mean over the mined triplets; 0 where there is none."""

    def __init__(self, settings: Triplet) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        own = self.settings
        rows, labels = labelled_rows(embeddings, context, own.embedding, own.labels)
        distances = squared_distances(rows)
        same, other = pair_masks(labels)
        mine = semi_hard if own.mining == "semi_hard" else batch_hard
        return mine(distances, same, other, own.margin)


def batch_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Each anchor with its farthest positive and its nearest negative, mean over anchors that have both."""
    farthest = distances.where(same, -INFINITE).amax(-1)
    nearest = distances.where(other, INFINITE).amin(-1)
    usable = same.any(-1) & other.any(-1)
    gap = farthest.where(usable, 0) - nearest.where(usable, 0)
    return mean_of((gap + margin).relu(), usable)


def semi_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Tensor:
    """Each (anchor, positive) with its nearest negative among `d(a, p) < d(a, n) < d(a, p) + margin`.

    Pairs that have no such negative do not count.
    """
    ordered = distances.where(other, INFINITE).sort(-1).values
    place = torch.searchsorted(ordered.detach(), distances.detach(), right=True)
    negative = ordered.gather(-1, place.clamp(max=ordered.shape[-1] - 1))
    found = same & (place < ordered.shape[-1]) & (negative.detach() < distances.detach() + margin)
    return mean_of(distances - negative.where(found, 0) + margin, found)
