"""Learning rates as a pure function of the step: there is no state to save."""

from __future__ import annotations

from math import cos, pi

from metaclr.engine.settings import TrainSettings

DROPS = (0.6, 0.8)
"""Where the `step` schedule divides the rate by ten, as fractions of the steps after warm-up."""


def warmup_steps(settings: TrainSettings) -> int:
    """Steps of linear warm-up: `warmup` below 1 is a fraction of all steps."""
    many = settings.warmup * settings.steps if settings.warmup < 1 else settings.warmup
    return min(round(many), settings.steps)


def rate(settings: TrainSettings, step: int) -> float:
    """Learning rate of `step` (0, 1, ..., steps - 1).

    Linear warm-up from lr / w to lr over w steps (Goyal et al. 2017, arXiv:1706.02677), then by `schedule`, with
    p the fraction of the remaining steps done: `cosine` lr (1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017,
    arXiv:1608.03983), `linear` lr (1 - p), `step` lr / 10 from p = 0.6 and lr / 100 from 0.8, `constant` lr.
    """
    warm = warmup_steps(settings)
    if step < warm:
        return settings.lr * (step + 1) / warm
    done = (step - warm) / max(settings.steps - warm, 1)
    if settings.schedule == "cosine":
        return settings.lr * 0.5 * (1.0 + cos(pi * done))
    if settings.schedule == "linear":
        return settings.lr * (1.0 - done)
    if settings.schedule == "step":
        return settings.lr * 0.1 ** sum(done >= drop for drop in DROPS)
    return settings.lr
