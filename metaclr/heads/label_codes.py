"""Label vectors: what stands for the way of an example where a network reads labels as input."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError


def simplex(corners: int, dims: int) -> Tensor:
    """Corners (C, L) of a regular simplex: unit vectors, any two with inner product -1 / (C - 1), float32.

    `sqrt(C / (C - 1)) (I - 1 1^T / C)`, turned into L dimensions by a fixed orthogonal map: the "ELMES" code of CAML
    (Fifty et al. 2024, arXiv:2310.10971), and the class means of Graf et al. 2021, arXiv:2102.08817.

    Raises:
        UserError: fewer than 2 corners, or more than dimensions.
    """
    if not 2 <= corners <= dims:
        raise UserError(f"a simplex of head.codes = {corners} corners needs 2 to {dims}, half of head.width; set them")
    made = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(dims, corners, dtype=torch.float64, generator=made)).Q
    centered = torch.eye(corners, dtype=torch.float64) - 1 / corners
    code: Tensor = (corners / (corners - 1)) ** 0.5 * centered @ turn.mT
    return code.float()


def first_codes(support: Tensor) -> Tensor:
    """Codes 0 .. N - 1 for the ways of support (E, N, K, D): int64 (E, N)."""
    return torch.arange(support.shape[1], device=support.device).expand(support.shape[:2])
