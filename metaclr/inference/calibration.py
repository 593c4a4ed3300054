"""Numbers chosen on left-out support images: a temperature for probabilities, a threshold for unknown images."""

from __future__ import annotations

from math import exp, floor, log

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from metaclr.errors import UserError

MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-3, 1e3


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature t that minimizes the mean cross-entropy of logits / t, (S, N), with labels (S,).

    Guo et al. 2017, arXiv:1706.04599. One imagined image, with the mean margin of the others and a label drawn evenly,
    is added as a prior: without it a support that is classified without an error would give certain probabilities.

    Raises:
        ValueError: no row, or a single class.
    """
    way = logits.shape[1]
    if len(logits) < 1 or way < 2:
        raise ValueError("a temperature needs at least one row of at least two classes")
    scores = logits.double()
    # The prior: a row whose winning margin is the mean of all, with a label drawn evenly.
    margin = (scores.amax(1) - scores.mean(1)).mean()
    prior = torch.zeros(way, dtype=torch.float64)
    prior[0] = margin

    def cost(value: float) -> float:
        t = exp(value)
        data = F.cross_entropy(scores / t, labels, reduction="sum")
        uniform = -F.log_softmax(prior / t, dim=0).mean()
        return float(data + uniform)

    found = minimize_scalar(cost, bounds=(log(MIN_TEMPERATURE), log(MAX_TEMPERATURE)), method="bounded")
    return exp(float(found.x))


def rejection_threshold(similarity: Tensor, share: float) -> float:
    """The similarity below which an image is none of the classes, from left-out support images (S,).

    The floor(share (S + 1))-th smallest: if new images of the classes are like those of the support, at most `share` of
    them fall below (conformal prediction; the score is that of Sun et al. 2022, arXiv:2204.06507). With fewer than
    1 / share - 1 images it is the least of them, and the share is not guaranteed.

    Raises:
        UserError: a share outside of (0, 1), or no image.
    """
    if not 0 < share < 1:
        raise UserError(f"none-of-these share {share}: above 0 and below 1, such as 0.05")
    if not len(similarity):
        raise UserError("a threshold for 'none of these' needs a class with at least two support images")
    rank = max(1, floor(share * (len(similarity) + 1)))
    return float(similarity.sort().values[rank - 1])
