"""Standard errors of a mean with their degrees of freedom, and the interval and p value that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.errors import UserError

MIN_SEEDS = 3
"""Training seeds from which on an interval may speak about a method rather than about its trained encoders."""


@dataclass(frozen=True, eq=False)
class StandardErrors:
    """Means (...,) and estimates of their standard error, se and df (2, ...): corrected first, then raw.

    Both estimates are valid; `interval` takes the one that gives the narrower interval. df is the degrees of freedom
    of Student's t. An undefined estimate has se NaN and df 0. float64, on the CPU, in the unit of the data.
    """

    mean: Tensor
    se: Tensor
    df: Tensor


def undefined(mean: Tensor) -> StandardErrors:
    """No estimate for any of the means (...,)."""
    se = mean.new_full((2, *mean.shape), torch.nan)
    return StandardErrors(mean, se, torch.zeros_like(se))


def interval(errors: StandardErrors) -> tuple[Tensor, Tensor]:
    """Half-widths of the 95 % intervals and two-sided p values of "the mean is 0": each (...,).

    NaN where undefined. Where the standard error is 0 (the data are constant), p is 1 for a mean of 0 and else 0.
    """
    from scipy.special import stdtr, stdtrit

    half, p, known = (torch.full_like(errors.se, torch.nan) for _ in range(3))
    known = (errors.df > 0) & errors.se.isfinite()
    se, df = errors.se[known], errors.df[known]
    mean = errors.mean.expand_as(errors.se)[known]
    half[known] = torch.from_numpy(stdtrit(df.numpy(), 0.975)) * se
    below = torch.from_numpy(2 * stdtr(df.numpy(), -(mean.abs() / se.clamp(min=1e-300)).numpy()))
    constant = se < 1e-12
    p[known] = torch.where(constant, (mean.abs() < 1e-12).to(se.dtype), below)
    half[known] = torch.where(constant, 0.0, half[known])
    narrower = half.nan_to_num(torch.inf).min(0, keepdim=True).indices
    return half.gather(0, narrower)[0], p.gather(0, narrower)[0]


def crossed(errors: StandardErrors, seed_means: Tensor) -> StandardErrors:
    """Errors of a mean over classes and over training seeds: V = V_class + SD²(seed means) / S.

    Degrees of freedom by Satterthwaite: V² / (V_seed² / (S - 1) + V_class² / df_class). Of a difference of two
    methods, pair the seeds: `seed_means` are then the differences of each seed.

    Args:
        errors: of the mean over seeds (...,), from episodes that are averaged over the seeds first.
        seed_means: (..., S), one mean for each training seed.

    Raises:
        UserError: fewer than 3 seeds, from which nothing can be concluded about other trainings.
    """
    seeds = seed_means.shape[-1]
    if seeds < MIN_SEEDS:
        raise UserError(f"{seeds} training seeds: an interval over trainings needs {MIN_SEEDS} or more")
    by_seed = seed_means.double().cpu().var(-1) / seeds
    by_class = errors.se.square()
    v = by_class + by_seed
    parts = by_seed.square() / (seeds - 1) + by_class.square() / errors.df.clamp(min=1e-300)
    df = torch.where(v > 0, v.square() / parts.clamp(min=1e-300), errors.df)
    return StandardErrors(errors.mean, v.sqrt(), torch.where(errors.df > 0, df, 0.0))
