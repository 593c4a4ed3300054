"""KoLeo: no image lies close to its nearest neighbor; a term that any method can add (`koleo` of its settings)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, mean, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes

EPSILON = 1e-8  # facebookresearch/dinov2 loss/koleo_loss.py: added to each difference, and to the distance


@dataclass(frozen=True)
class KoLeo(ObjectiveSpec):
    """Kozachenko and Leonenko's estimate of minus the entropy (Sablayrolles et al. 2019, arXiv:1806.03198)."""

    formula: ClassVar[str] = r"-\log \min_{j \neq i} \|z_i - z_j\|"

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return KoLeoLoss()


class KoLeoLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the mean over views; neighbors are sought among the rows of one view."""

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss; -log 1e-8 and about half the log of D less where all rows are equal.

        Raises:
            UserError: a single image.
        """
        views = views_of(embeddings, context, least=1)
        check_batch("KoLeo", len(views[0]), 2)
        return mean([_of_view(F.normalize(view, dim=-1)) for view in views])


def _of_view(rows: Tensor) -> Tensor:
    with torch.no_grad():
        cosines = rows @ rows.T
        nearest = cosines.fill_diagonal_(-2).argmax(-1)
    distance: Tensor = (rows - rows[nearest] + EPSILON).norm(dim=-1)
    return -(distance + EPSILON).log().mean()
