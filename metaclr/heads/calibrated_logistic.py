"""Distribution calibration: logistic regression on draws of Gaussians that borrow from similar source classes.

Yang, Liu and Xu 2021, "Free lunch for few-shot learning" (arXiv:2101.06395).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.logistic_regression import LogisticRegression
from metaclr.heads.source_statistics import SourceFeatures

NEIGHBORS = 2  # the authors' k
DRAWS = 750  # per way, over its shots
SPREAD = 0.21  # the authors' alpha, added to every entry of the covariance


@dataclass(frozen=True, eq=False)
class CalibratedLogistic:
    """means (B, D), roots (B, D, D): of the Gaussian of each source class; roots are Cholesky factors."""

    iterative: ClassVar[bool] = False  # an episode has hundreds of draws, so few episodes fill a cache
    means: Tensor
    covariances: Tensor
    draws: int = DRAWS

    @classmethod
    def from_source(cls, source: SourceFeatures, features: Tensor) -> CalibratedLogistic:
        """From the source's labels and its transformed features (M, D).

        Raises:
            UserError: a source without labels.
        """
        return cls(*source.class_statistics(features))

    @torch.no_grad()
    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way.

        Each support embedding has a Gaussian: the mean of it and of its two nearest source classes, and the mean of
        their covariances plus 0.21. The classifier is fitted to the support and the draws. All episodes share the
        standard normal numbers, so that a result does not depend on how episodes are batched.
        """
        episodes, way, shot, dims = support.shape
        near = torch.cdist(support.flatten(0, 2), self.means.to(support)).topk(
            min(NEIGHBORS, len(self.means)), largest=False
        )
        mean = (self.means.to(support)[near.indices].sum(1) + support.flatten(0, 2)) / (near.indices.shape[1] + 1)
        covariance = self.covariances.to(support)[near.indices].mean(1) + SPREAD
        jitter = 1e-6 * torch.eye(dims, dtype=support.dtype, device=support.device)
        root = torch.linalg.cholesky_ex(covariance + jitter).L
        generator = torch.Generator().manual_seed(0)
        count = max(1, self.draws // shot)
        noise = torch.randn(count, dims, generator=generator, dtype=torch.float64).to(support)
        drawn = mean.unsqueeze(1) + noise @ root.mT
        rows = torch.cat([support, drawn.view(episodes, way, shot * count, dims)], 2)
        return LogisticRegression().fit(rows)
