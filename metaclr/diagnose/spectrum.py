"""Singular values of an embedding, its effective rank and its collapsed dimensions."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_rows, chunks, unit_chunks

COLLAPSED = 1e-4
"""A direction is collapsed if its variance is below this share of the largest, a standard deviation below 1 %.

A convention of this project: Jing et al. read the fall off a plot of the logarithms."""


def singular_values(features: Tensor, *, centered: bool = False, unit: bool = False) -> Tensor:
    """Singular values of features (M, D), largest first: float64 (min(M, D),) on the CPU.

    centered: subtract the mean first, for the spectrum of the covariance (Jing et al. 2022, arXiv:2110.09348). unit:
    scale the rows to norm 1 before, as they do. Raises UserError for features of another shape, or empty ones.

    The rows pass by in chunks, whose QR triangles have the same singular values: memory is O(D^2) beside the rows.
    """
    check_rows("a spectrum", features, 1)
    parts = unit_chunks if unit else chunks
    mean = torch.zeros(features.shape[1], dtype=torch.float64, device=features.device)
    if centered:
        for part in parts(features):
            mean += part.sum(0) / len(features)
    triangle = torch.empty(0, features.shape[1], dtype=torch.float64)
    for part in parts(features):
        stacked = torch.cat([triangle, (part - mean).cpu()])
        # A triangle is smaller than its rows where there are more rows than dimensions.
        triangle = torch.linalg.qr(stacked, mode="r").R if len(stacked) > features.shape[1] else stacked
    values: Tensor = torch.linalg.svdvals(triangle)
    return values


def effective_rank(features: Tensor, *, centered: bool = False) -> float:
    """exp of the entropy of the normalized singular values of (M, D): from 1 to min(M, D), 0 if all are zero.

    Roy and Vetterli 2007, "The effective rank"; without centering it is RankMe (Garrido et al. 2023, arXiv:2210.02885).
    """
    values = singular_values(features, centered=centered)
    # Rounding leaves a collapsed embedding tiny values instead of zeros.
    largest = max(float(part.abs().max()) for part in chunks(features))
    return entropy_rank(values[values > 1e-7 * max(features.shape) * largest])


def entropy_rank(values: Tensor) -> float:
    """exp of the entropy of nonnegative values (n,) scaled to sum 1; 0 where there is none."""
    positive = values[values > 0]
    if not len(positive):
        return 0.0
    share = positive / positive.sum()
    return float((-(share * share.log()).sum()).exp())


def collapsed_dimensions(features: Tensor, *, below: float = COLLAPSED) -> int:
    """How many of the D directions of unit-norm, centered features (M, D) hold less variance than `below` the largest.

    All D where the rows are one point; M - 1 rows span M - 1 directions at most. Raises UserError for another shape.
    """
    check_rows("a spectrum", features)
    variances = singular_values(features, centered=True, unit=True).square()
    if float(variances[0]) < 1e-12 * len(features):  # rows of norm 1 that are one point up to float32's rounding
        return features.shape[1]
    return features.shape[1] - int((variances > below * variances[0]).sum())
