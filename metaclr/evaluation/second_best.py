"""Accuracy of an episode when one of its ways is not a possible answer: second-best answers take its place."""

from __future__ import annotations

import torch
from torch import Tensor


def without_each_way(logits: Tensor) -> Tensor:
    """Accuracy (E, N) without way j as an answer, over the queries of the other N - 1 ways.

    logits (E, N, N', Q): score of way N for the queries of way N' = N. A query whose best way is j is given its second
    best; where two ways score alike the first counts.
    """
    episodes, way, _, queries = logits.shape
    true = torch.arange(way, device=logits.device).view(1, way, 1)
    best = logits.max(1).indices
    second = logits.scatter(1, best.unsqueeze(1), -torch.inf).max(1).indices
    first_right = (best == true).to(torch.int64)
    # A query of way c whose best way is j != c was wrong; without j its second-best answer counts.
    rescued = ((best != true) & (second == true)).to(torch.int64)
    by_removed = rescued.new_zeros(episodes, way).scatter_add_(1, best.flatten(1), rescued.flatten(1))
    own = first_right.sum(2)
    return (own.sum(1, keepdim=True) - own + by_removed).float() / ((way - 1) * queries)
