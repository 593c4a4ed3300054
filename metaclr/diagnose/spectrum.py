"""The singular values of an embedding, and how many dimensions it really uses."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError


def singular_values(features: Tensor, *, centered: bool = False) -> Tensor:
    """Singular values of features (M, D), largest first: float64 (min(M, D),) on the CPU.

    centered: take the mean out first, for the spectrum of the covariance (Jing et al. 2022, arXiv:2110.09348).
    """
    if features.ndim != 2 or not features.numel():
        raise UserError(f"a spectrum needs features (M, D), not {tuple(features.shape)}")
    rows = features.detach().double().cpu()
    rows = rows - rows.mean(0) if centered else rows
    # Past 4 D rows the triangle of a QR has the same singular values and is far smaller.
    rows = torch.linalg.qr(rows, mode="r").R if len(rows) > 4 * rows.shape[1] else rows
    found: Tensor = torch.linalg.svdvals(rows)
    return found


def effective_rank(features: Tensor, *, centered: bool = False) -> float:
    """exp of the entropy of the singular values over their sum: between 1 and min(M, D), 0 if all are zero.

    Roy and Vetterli 2007, "The effective rank"; uncentred it is RankMe (Garrido et al. 2023, arXiv:2210.02885).
    """
    values = singular_values(features, centered=centered)
    # Rounding leaves a collapsed embedding tiny values instead of zeros.
    kept = values[values > 1e-7 * max(features.shape) * features.abs().max().double().cpu()]
    if not len(kept):
        return 0.0
    share = kept / kept.sum()
    return float((-(share * share.log()).sum()).exp())
