"""Patches of an image predict those some rows below them among all patches of the batch: the loss of CPC."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.losses.common import full_precision, mean
from metaclr.bridge.objective import check_shapes
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class RowPrediction(ObjectiveSpec):
    """CPC v2 (Hénaff et al. 2020, arXiv:1905.09272) as PyTorch Lightning Bolts has it; defaults are theirs."""

    formula: ClassVar[str] = r"-\log\frac{e^{s\,p_r^\top t_{r+k}}}{\sum_{t} e^{s\,p_r^\top t}}, \quad k = 2, 3, \dots"
    target_dim: int = 64
    """Dimensions of targets and predictions, whose inner products are compared."""
    scale: float = 0.1
    """Factor s of the predictions: the inverse of a temperature."""
    hidden: int = 256
    """Channels inside a block of the context network."""
    blocks: int = 5
    """Residual blocks of the context network; each sees one more row above."""
    first: int = 2
    """Least number of rows between a patch and the one it predicts; nearer ones overlap."""

    def __post_init__(self) -> None:
        for name in ("target_dim", "hidden", "blocks", "first"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)} must be at least 1")
        if not self.scale > 0:
            raise UserError(f"scale = {self.scale} must be above 0")

    def module(self, sizes: Sizes) -> nn.Module:
        """The context network and the two heads."""
        return RowPredictionLoss(self, sizes.dim)


class RowPredictionLoss(nn.Module):
    """Embeddings `(T, N, V, D)` of all patches of each image, row by row, to the mean over row offsets k of the loss.

    Targets and predictions are linear in a patch's embedding and in its context, which sees its own row and those
    above. Candidates are all patches of the batch.
    """

    def __init__(self, settings: RowPrediction, dim: int) -> None:
        super().__init__()
        self.settings = settings
        self.context = nn.ModuleList(_block(dim, settings.hidden) for _ in range(settings.blocks))
        self.target = nn.Conv2d(dim, settings.target_dim, 1)
        self.prediction = nn.Conv2d(dim, settings.target_dim, 1)

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss of the batch.

        Raises:
            UserError: views that are no square grid with two rows as far apart as is predicted.
        """
        check_shapes(embeddings, context)
        side, first = isqrt(embeddings.shape[2]), self.settings.first
        if side**2 != embeddings.shape[2] or side <= first:
            raise UserError(
                f"{embeddings.shape[2]} views of each way: row prediction needs all patches of a square grid of more "
                f"than {first} rows; use positives = 'patch' with patch.whole and as many views as patches"
            )
        rows = upcast(embeddings).flatten(0, 1)
        grid = rows.reshape(len(rows), side, side, -1).movedim(-1, 1)  # (B, D, G, G)
        seen = grid
        for block in self.context:
            seen = seen + block(seen)
        targets = self.target(grid).movedim(1, -1)  # (B, G, G, d)
        predictions = self.settings.scale * self.prediction(seen.relu()).movedim(1, -1)
        number = torch.arange(targets[..., 0].numel(), device=grid.device).view(targets.shape[:3])
        candidates = targets.flatten(0, 2)
        losses = []
        for below in range(first, side):
            logits = predictions[:, :-below].flatten(0, 2) @ candidates.T
            losses.append(F.cross_entropy(logits, number[:, below:].flatten()))
        return mean(losses)


def _block(dim: int, hidden: int) -> nn.Sequential:
    """A residual block whose output in a row depends on that row and the one above; above the first row there is 1."""
    return nn.Sequential(
        nn.Conv2d(dim, hidden, 1),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, (1, 3), padding=(0, 1)),
        nn.ConstantPad2d((0, 0, 1, 0), 1.0),
        nn.Conv2d(hidden, hidden, (2, 1)),
        nn.ReLU(),
        nn.Conv2d(hidden, dim, 1),
    )
