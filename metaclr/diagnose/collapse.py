"""A measure of collapse: whether all examples have nearly the same embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_rows, unit_chunks


def collapse(features: Tensor) -> float:
    """sqrt(D) times the mean standard deviation of a dimension of the unit-norm features (M, D), M >= 2.

    0 if all examples have the same direction, about 1 if directions are evenly spread (Chen and He 2021, "Exploring
    simple siamese representation learning", arXiv:2011.10566, who plot it without the sqrt(D)).

    Raises:
        UserError: features of another shape.
    """
    check_rows("collapse", features)
    count = len(features)
    mean = torch.stack([unit.sum(0) for unit in unit_chunks(features)]).sum(0) / count
    squares = torch.stack([(unit - mean).square().sum(0) for unit in unit_chunks(features)]).sum(0)
    return float((squares / (count - 1)).sqrt().mean()) * math.sqrt(features.shape[1])
