"""How much of the contrastive denominator a batch sees: a lower bound of the loss that all images would give."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError

_CHUNK = 1024


def batch_bounds(
    views: Tensor, batches: Sequence[int], temperature: float = 0.2, draws: int = 8, seed: int = 0
) -> dict[int, float]:
    r"""Contrastive loss over all M images, estimated from batches of B of them: B -> the mean over batches, in nats.

    With $e_n = e^{q^\top k_n/\tau}$, q and k two views of unit norm, $\log \sum_n e_n \ge E_B \log(\frac MB \sum_{n \in
    B} e_n)$ by Jensen, where the own image is always in the batch and counts once. So each value is at most that of B =
    M, and rises with B: what a minibatch minimizes is a lower bound that is loose where B is small. (CS-330's post
    prints a sum where this mean belongs.)

    Args:
        views: (M, V, D), V >= 2; the first two are used.
        batches: B, images in a batch, each from 2 to M. draws: random batches of each anchor.

    Raises:
        UserError: another shape, or a batch that the images cannot fill.
    """
    if views.ndim != 3 or views.shape[1] < 2 or len(views) < 2:
        raise UserError(f"batch bounds need views (M, V, D) with M and V of 2 or more, not {tuple(views.shape)}")
    images = len(views)
    for batch in batches:
        if not 2 <= batch <= images:
            raise UserError(f"batch of {batch} images: from 2 to the {images} images that are there")
    unit = F.normalize(views[:, :2].double(), dim=-1)
    generator = torch.Generator().manual_seed(seed)
    totals = dict.fromkeys(batches, 0.0)
    for start in range(0, images, _CHUNK):
        rows = torch.arange(start, min(start + _CHUNK, images))
        logits = unit[rows, 0] @ unit[:, 1].T / temperature
        own = logits.gather(1, rows.unsqueeze(1))
        others = logits.scatter(1, rows.unsqueeze(1), float("-inf"))
        for batch in batches:
            for _ in range(draws if batch < images else 1):
                order = torch.rand(len(rows), images, generator=generator)
                order.scatter_(1, rows.unsqueeze(1), 2.0)  # the own image is not among the others
                seen = others.gather(1, order.topk(batch - 1, largest=False).indices) if batch < images else others
                scaled = seen.logsumexp(1) + math.log((images - 1) / (batch - 1))
                found = torch.logaddexp(scaled, own[:, 0]) - own[:, 0]
                totals[batch] += float(found.sum()) / (draws if batch < images else 1)
    return {batch: total / images for batch, total in totals.items()}
