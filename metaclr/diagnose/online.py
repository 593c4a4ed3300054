"""Geometry of a training batch, cheap enough for every step: tensors on the device, nothing waits for them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_ROWS = 512
"""Rows of a batch that pairs are made of; their Gram matrix costs a thousandth of a small network's step."""

COLLAPSED = 0.02
"""`embedding_std` below which all rows have nearly one direction: mean cosine above 0.9996."""


def batch_geometry(embeddings: Tensor) -> dict[str, Tensor]:
    """alignment, uniformity and rank_share of embeddings (T, N, V, D), 0-d tensors without gradient.

    alignment: mean squared distance of two views of a way. uniformity: log mean exp(-2 distance^2) over pairs of rows
    of a sample, views of one way among them. rank_share: participation ratio (sum v)^2 / sum v^2 of the variances v of
    the sample along its principal directions, over D: 1 / D at one direction, 1 if all are alike; it needs no
    decomposition. All on the unit sphere.
    """
    unit = F.normalize(embeddings.detach().double(), dim=-1)  # ranks and one process then agree to rounding
    views = unit.shape[-2]
    found = {}
    if views > 1:
        # Over pairs of V unit rows the mean of |x - y|^2 is 2 (V^2 - |sum|^2) / (V (V - 1)).
        squared = unit.sum(-2).square().sum(-1)
        found["alignment"] = (2 * (views**2 - squared) / (views * (views - 1))).mean()
    rows = unit.flatten(0, -2)
    rows = rows[:: -(-len(rows) // MAX_ROWS)]
    count = len(rows)
    if count > 2:
        gram = rows @ rows.mT
        total = torch.exp(4 * (gram - 1)).sum() - count
        found["uniformity"] = (total.clamp(min=1e-30) / (count * (count - 1))).log()
        centered = rows - rows.mean(0)
        variances = centered.mT @ centered if rows.shape[1] < count else centered @ centered.mT
        ratio = variances.trace().square() / variances.square().sum().clamp(min=1e-30)
        found["rank_share"] = ratio / rows.shape[1]
    return found
