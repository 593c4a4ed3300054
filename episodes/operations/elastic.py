"""Elastic warps: a smooth random displacement of every pixel. After Simard et al. 2003, "Best practices"."""

from __future__ import annotations

import torch
from torch import Tensor

# Mean square of the cubic B-spline's weights is 151/315 an axis: what is left of the variance of the knots.
_UNIT = (3**0.5) * 315 / 151


def spline_basis(cells: int, length: int, like: Tensor) -> Tensor:
    """Weights (length, cells + 3) of the cubic B-spline's knots at `length` pixel centers; each row sums to 1."""
    place = (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (cells / length) + 1
    knots = torch.arange(cells + 3, device=like.device, dtype=like.dtype)
    away = (place.unsqueeze(1) - knots).abs()
    return ((2 - away).clamp_min(0) ** 3 - 4 * (1 - away).clamp_min(0) ** 3) / 6


def displacement(knots: Tensor, amount: float, height: int, width: int) -> Tensor:
    """A twice differentiable field (B, 2, H, W), x first, of root mean square `amount`, in half-images.

    Args:
        knots: (B, 2, G, G) uniform in [0, 1): the field's random numbers, for G - 3 cells along a side.
    """
    cells = knots.shape[-1] - 3
    across, down = spline_basis(cells, width, knots), spline_basis(cells, height, knots)
    return down @ (((knots * 2 - 1) * (amount * _UNIT)) @ across.T)  # in this order: twice as fast
