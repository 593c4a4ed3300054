"""Time-contrastive loss: a frame is closer to a frame near it than to a far one of the same clip, by a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.losses.common import full_precision
from metaclr.bridge.objective import check_shapes
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class TimeContrastive(ObjectiveSpec):
    """Sermanet et al. 2018, arXiv:1704.06888, single view: triplets (anchor, near, far) of one clip."""

    formula: ClassVar[str] = r"\max(0, \|a-p\|^2 - \|a-n\|^2 + m)"
    margin: float = 2.0  # kekeblom/tcn
    """How much larger the squared distance to the far frame should be than that to the near one."""
    radius: float = 10.0  # kekeblom/tcn
    """Length that embeddings are brought to."""

    def __post_init__(self) -> None:
        for name in ("margin", "radius"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} = {getattr(self, name)} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return TimeContrastiveLoss(self)


class TimeContrastiveLoss(nn.Module):
    """Embeddings `(T, N, V, D)`, a task for each clip and N of its windows as ways, to the loss.

    Every view is an anchor: the other views of its way are its positives, all views of the other ways of its task its
    negatives; mean over all triplets. 0 without a triplet.
    """

    def __init__(self, settings: TimeContrastive) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch."""
        check_shapes(embeddings, context)
        rows = self.settings.radius * F.normalize(upcast(embeddings), dim=-1)
        _, ways, views, _ = rows.shape
        if ways < 2 or views < 2:
            return rows.sum() * 0
        near = (rows.unsqueeze(3) - rows.unsqueeze(2)).square().sum(-1)  # (T, N, V, V)
        far = (rows[:, :, :, None, None] - rows[:, None, None]).square().sum(-1)  # (T, N, V, N, V)
        hinge = (near[..., None, None] - far.unsqueeze(3) + self.settings.margin).relu()  # (T, N, V, V, N, V)
        pair = 1 - torch.eye(views, dtype=rows.dtype, device=rows.device)
        other = 1 - torch.eye(ways, dtype=rows.dtype, device=rows.device)
        counted = pair.view(1, 1, views, views, 1, 1) * other.view(1, ways, 1, 1, ways, 1)
        return (hinge * counted).sum() / (counted.sum() * len(rows) * views)
