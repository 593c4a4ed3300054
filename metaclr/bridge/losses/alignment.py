"""Views are pulled together by their cosine, and nothing pushes: the loss of BYOL and SimSiam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import full_precision, mean, view_pairs, views_of
from metaclr.bridge.objective import check_shapes
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Alignment(ObjectiveSpec):
    """`weight (1 - cos(query, target))`, mean over ordered pairs of different views."""

    formula: ClassVar[str] = r"w\,\left(1 - \frac{p^\top z'}{\|p\| \|z'\|}\right)"
    weight: float = 2.0  # the squared distance of unit vectors (BYOL)

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise UserError(f"weight = {self.weight} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return Aligned(self)


class Aligned(nn.Module):
    """Online embeddings `(T, N, V, D)` against the target's, or against themselves where there is none."""

    def __init__(self, settings: Alignment) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss, 0 when all views agree."""
        context = check_shapes(embeddings, context)
        online = [F.normalize(view, dim=-1) for view in views_of(embeddings)]
        target = online
        if context.momentum_embeddings is not None:
            target = [F.normalize(view, dim=-1) for view in views_of(context.momentum_embeddings)]
        pairs = view_pairs(len(online))
        ordered = pairs + [(second, first) for first, second in pairs]
        return self.settings.weight * (1 - mean([(online[q] * target[s]).sum(-1).mean() for q, s in ordered]))
