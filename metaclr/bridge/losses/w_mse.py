"""W-MSE: views agree after every view's batch was whitened, which leaves no way to collapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, mean, view_pairs, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class WMSE(ObjectiveSpec):
    """Ermolov et al. 2021, arXiv:2007.06346; defaults of htdt/self-supervised for CIFAR."""

    formula: ClassVar[str] = r"2 - 2\cos(W(z), W(z')), \quad W = \text{Cholesky whitening of the view's batch}"
    dims: int = 64
    """Only the first dimensions are used (the authors' projector has 64); fewer if the embedding has fewer."""
    batch: int = 128
    """Rows that are whitened together; a larger batch is cut into equal parts of at least this many."""
    shrinkage: float = 1e-3  # theirs is 0; some keeps the factorisation defined when embeddings collapse
    """Share of the identity in the covariance matrix that rows are whitened by."""

    def __post_init__(self) -> None:
        if self.dims < 1 or self.batch < 2 or not 0 <= self.shrinkage < 1:
            raise UserError(f"dims = {self.dims}, batch = {self.batch}, shrinkage = {self.shrinkage} are not legal")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return WMSELoss(self)


class WMSELoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss, mean over pairs of views."""

    def __init__(self, settings: WMSE) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch.

        Raises:
            UserError: not more images than dimensions.
        """
        views = [view[:, : self.settings.dims] for view in views_of(embeddings, context)]
        images, dims = views[0].shape
        check_batch(f"W-MSE in {dims} dimensions", images, dims + 1)
        parts = max(1, images // max(self.settings.batch, dims + 1))
        white = [self._white(view.tensor_split(parts)) for view in views]
        return mean([(white[a] - white[b]).square().sum(-1).mean() for a, b in view_pairs(len(views))])

    def _white(self, parts: Sequence[Tensor]) -> Tensor:
        """The parts of a view's batch, each whitened, all of unit norm."""
        return F.normalize(torch.cat([whitened(part, self.settings.shrinkage) for part in parts]), dim=-1)


def whitened(rows: Tensor, shrinkage: float) -> Tensor:
    """Rows `(B, D)` with the identity as covariance, by the inverse of its Cholesky factor."""
    centered = rows - rows.mean(0)
    covariance = centered.T @ centered / (len(rows) - 1)
    identity = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    factor = torch.linalg.cholesky_ex((1 - shrinkage) * covariance + shrinkage * identity).L
    white: Tensor = torch.linalg.solve_triangular(factor, centered.T, upper=False).T
    return white
