"""Singular values and effective rank of an embedding."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError


def singular_values(features: Tensor, *, centered: bool = False) -> Tensor:
    """Singular values of features (M, D), largest first: float64 (min(M, D),) on the CPU.

    centered: subtract the mean first, for the spectrum of the covariance (Jing et al. 2022, arXiv:2110.09348). Raises
    UserError for features of another shape, or empty ones.
    """
    if features.ndim != 2 or not features.numel():
        raise UserError(f"a spectrum needs features (M, D), not {tuple(features.shape)}")
    rows = features.detach().double().cpu()
    rows = rows - rows.mean(0) if centered else rows
    # The triangle of a QR decomposition has the same singular values; it is far smaller for more than 4 D rows.
    rows = torch.linalg.qr(rows, mode="r").R if len(rows) > 4 * rows.shape[1] else rows
    values: Tensor = torch.linalg.svdvals(rows)
    return values


def effective_rank(features: Tensor, *, centered: bool = False) -> float:
    """exp of the entropy of the normalized singular values of (M, D): from 1 to min(M, D), 0 if all are zero.

    Roy and Vetterli 2007, "The effective rank"; without centering it is RankMe (Garrido et al. 2023, arXiv:2210.02885).
    """
    values = singular_values(features, centered=centered)
    # Rounding leaves a collapsed embedding tiny values instead of zeros.
    nonzero = values[values > 1e-7 * max(features.shape) * features.abs().max().double().cpu()]
    if not len(nonzero):
        return 0.0
    share = nonzero / nonzero.sum()
    return float((-(share * share.log()).sum()).exp())
