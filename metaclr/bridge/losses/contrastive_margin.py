"""The contrastive loss of siamese networks: pairs of one class together, others apart up to a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.embedding import Embedding, unit_norm
from metaclr.bridge.losses.common import full_precision
from metaclr.bridge.losses.pair_distances import check_pairs, labelled_rows, mean_of, pair_masks, squared_distances
from metaclr.bridge.spec import ObjectiveSpec, Sizes

SMALLEST = 1e-12  # under the root, where its slope is infinite


@dataclass(frozen=True)
class Siamese(ObjectiveSpec):
    """Hadsell et al. 2006. Positive and negative pairs weigh the same, however many there are of each."""

    formula: ClassVar[str] = r"y\,d^2 + (1-y)\max(0, m-d)^2"
    margin: float = 1.0  # Hadsell et al.; on unit vectors d is at most 2
    embedding: Embedding = unit_norm
    labels: Literal["given", "instance"] = "given"

    def __post_init__(self) -> None:
        check_pairs(self.labels, self.margin)

    @property
    def needs_labels(self) -> bool:
        """Unless every way is its own class."""
        return self.labels == "given"

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return SiameseLoss(self)


class SiameseLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the mean over positive pairs plus the mean over negative pairs."""

    def __init__(self, settings: Siamese) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        own = self.settings
        rows, labels = labelled_rows(embeddings, context, own.embedding, own.labels)
        squared = squared_distances(rows)
        same, other = pair_masks(labels)
        short = (own.margin - squared.clamp(min=SMALLEST).sqrt()).relu().square()
        return mean_of(squared, same) + mean_of(short, other)
