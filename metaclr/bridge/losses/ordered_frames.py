"""R3M's time-contrastive loss: of three frames in order, neighbors are more similar than the first and the last."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import full_precision, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError, unknown

SIMILARITIES = ("l2", "cosine")


@dataclass(frozen=True)
class OrderedFrames(ObjectiveSpec):
    """Nair et al. 2022, arXiv:2203.12601, its terms on images: order in time, and small features."""

    formula: ClassVar[str] = (
        r"-\tfrac12\Big[\log\frac{e^{S(f_1,f_2)}}{e^{S(f_1,f_2)} + e^{S(f_0,f_2)} + \sum_k e^{S(f_2,f_2^k)}}"
        r" + \log\frac{e^{S(f_0,f_1)}}{e^{S(f_0,f_1)} + e^{S(f_0,f_2)} + \sum_k e^{S(f_0,f_0^k)}}\Big]"
        r" + \lambda(\|f\|_1 + \|f\|_2)"
    )
    negatives: int = 3  # facebookresearch/r3m, trainer.py
    """Frames of other clips in each denominator; fewer where a task has fewer ways."""
    penalty: float = 1e-5
    """Weight of the mean L1 norm plus the mean L2 norm of the embeddings."""
    similarity: str = "l2"
    """S: `l2`, minus the Euclidean distance, or `cosine`."""

    def __post_init__(self) -> None:
        if self.similarity not in SIMILARITIES:
            raise unknown("similarity", self.similarity, SIMILARITIES)
        if self.negatives < 0 or not self.penalty >= 0:
            raise UserError(f"negatives = {self.negatives} and penalty = {self.penalty} must be at least 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return OrderedFramesLoss(self)


class OrderedFramesLoss(nn.Module):
    """Embeddings `(T, N, V, D)`, a clip for each way and V >= 3 of its frames in order of time, to the loss.

    Mean over all triples of a clip's frames. Frames of other clips are those of the next ways of the task, whose order
    is random.

    `accuracy`, after a forward: the share of triples whose neighbors are both more similar than the outer frames.
    """

    def __init__(self, settings: OrderedFrames) -> None:
        super().__init__()
        self.settings = settings
        self.accuracy: Tensor | None = None

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch. Raises UserError for fewer than 3 views."""
        rows = [row.view(*embeddings.shape[:2], -1) for row in views_of(embeddings, context, least=3)]
        others = [self._others(row) for row in rows]
        terms, ordered = [], []
        for i, j, k in combinations(range(len(rows)), 3):
            early, late, outer = self._s(rows[i], rows[j]), self._s(rows[j], rows[k]), self._s(rows[i], rows[k])
            for near, frame in ((late, k), (early, i)):
                terms.append(torch.stack([near, outer, *others[frame]]).logsumexp(0) - near)
            ordered.append((early > outer) & (late > outer))
        self.accuracy = torch.stack(ordered).float().mean().detach()
        together = torch.stack(rows)
        norms = together.abs().sum(-1).mean() + together.norm(dim=-1).mean()
        loss: Tensor = torch.stack(terms).mean() + self.settings.penalty * norms
        return loss

    def _others(self, frame: Tensor) -> list[Tensor]:
        """Similarity of a frame (T, N, D) with those of the next ways, each (T, N)."""
        count = min(self.settings.negatives, frame.shape[1] - 1)
        return [self._s(frame, frame.roll(shift, 1)) for shift in range(1, count + 1)]

    def _s(self, a: Tensor, b: Tensor) -> Tensor:
        if self.settings.similarity == "cosine":
            return F.cosine_similarity(a, b, dim=-1)
        distance: Tensor = (a - b).norm(dim=-1)
        return -distance
