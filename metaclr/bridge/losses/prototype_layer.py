"""Scores of embeddings against trained prototypes: the last layer of SwAV and DINO."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PrototypeLayer(nn.Module):
    """Unit embeddings `(..., D)` to cosines with K prototypes `(..., K)`.

    For the first `frozen_steps` calls in training mode the prototypes take no gradient (SwAV and DINO: one epoch).
    """

    calls: Tensor

    def __init__(self, dim: int, prototypes: int, frozen_steps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.Linear(dim, prototypes, bias=False).weight.detach())
        self.frozen_steps = frozen_steps
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def normalize(self) -> None:
        """Bring the prototypes back to unit length, in place (SwAV: before every step)."""
        self.weight.copy_(F.normalize(self.weight, dim=-1))

    def forward(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Scores of each view's rows `(B, D)`: one call for a step."""
        weight = F.normalize(self.weight, dim=-1)
        if self.training:
            weight = torch.where(self.calls < self.frozen_steps, weight.detach(), weight)
            self.calls += 1
        return [F.normalize(view.to(weight.dtype), dim=-1) @ weight.T for view in views]


def cross_entropy_of_pairs(targets: Sequence[Tensor], scores: Sequence[Tensor]) -> Tensor:
    """Mean over pairs of different views of the cross-entropy of softmax(scores) `(B, K)` under the targets `(B, K)`.

    Targets are those of the first views.
    """
    logs = [score.log_softmax(-1) for score in scores]
    terms = [
        -(target * logs[view]).sum(-1).mean()
        for first, target in enumerate(targets)
        for view in range(len(logs))
        if view != first
    ]
    return torch.stack(terms).mean()
