"""A measure of collapse: whether all examples have nearly the same embedding."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError


def collapse(features: Tensor) -> float:
    """sqrt(D) times the mean standard deviation of a dimension of the unit-norm features (M, D), M >= 2.

    0 if all examples have the same direction, about 1 if directions are evenly spread (Chen and He 2021, "Exploring
    simple siamese representation learning", arXiv:2011.10566, who plot it without the sqrt(D)).

    Raises:
        UserError: features of another shape.
    """
    if features.ndim != 2 or len(features) < 2:
        raise UserError(f"collapse needs features (M, D) with M of 2 or more, not {tuple(features.shape)}")
    unit = F.normalize(features.double(), dim=1)
    return float(unit.std(0).mean()) * math.sqrt(features.shape[1])
