"""Clustering the source's images anew in the course of a training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from episodes import ImageSet
from metaclr.clusters import Clustering
from metaclr.clusters.labels import ClusterLabels
from metaclr.engine.process_group import broadcast_from_first
from metaclr.engine.settings import Precision
from metaclr.evaluation.features import features


@dataclass(frozen=True, eq=False)
class ClusterRefresh:
    """A `Refresh`: embeds the images by the encoder as it is, and sets the labels of their clusters.

    Of several ranks the first clusters, and all get its labels. total: steps of the training. device: of the encoder.
    """

    clustering: Clustering
    clusters: ClusterLabels
    encoder: nn.Module
    images: ImageSet
    seed: int
    total: int
    device: torch.device
    precision: Precision = "auto"

    def is_due(self, step: int) -> bool:
        """Whether the images are clustered before this step."""
        return step in self.clustering.steps(self.total)

    def __call__(self, step: int) -> None:
        """Cluster the images by the weights before this step: a function of them and (seed, step)."""

        def fit() -> torch.Tensor:
            # Compiled for the batches of training, the encoder would be compiled again for those of this pass.
            with torch.compiler.set_stance("force_eager"):
                rows = features(self.encoder, self.images, self.device, precision=self.precision)
            return self.clustering.fit(rows, seed=self.seed, step=step)

        self.clusters.set(broadcast_from_first(fit), step)
