"""Features of the images that were trained on, as transforms and heads that refer to them need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from metaclr.errors import UserError


@dataclass(frozen=True, eq=False)
class SourceFeatures:
    """features: (M, D) of the source's images. labels: int64 (M,), or None for a source without labels."""

    features: Tensor
    labels: Tensor | None = None

    @cached_property
    def mean(self) -> Tensor:
        """Mean feature (D,)."""
        return self.features.mean(0)

    @cached_property
    def inverse_root_covariance(self) -> Tensor:
        """Symmetric inverse square root (D, D) of the covariance (ZCA), with 0.1 % of its mean eigenvalue added."""
        centered = (self.features - self.mean).double()
        values, vectors = torch.linalg.eigh(centered.mT @ centered / len(centered))
        values = values.clamp(min=0)
        scale = (values + 1e-3 * values.mean()).rsqrt()
        root: Tensor = (vectors * scale) @ vectors.mT
        return root.to(self.features.dtype)

    def class_statistics(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (B, D) and covariance (B, D, D) of each class of transformed features (M, D).

        Raises:
            UserError: a source without labels.
        """
        if self.labels is None:
            raise UserError("this head needs the classes of the source, which has no labels; choose another head")
        labels = self.labels.to(features.device)
        means, covariances = [], []
        for label in torch.unique(labels):
            rows = features[labels == label]
            means.append(rows.mean(0))
            centered = rows - means[-1]
            covariances.append(centered.mT @ centered / max(1, len(rows) - 1))
        return torch.stack(means), torch.stack(covariances)
