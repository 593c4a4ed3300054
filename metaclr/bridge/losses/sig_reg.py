"""SIGReg: the embeddings become an isotropic Gaussian, tested along random directions."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import check_batch, full_precision, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class LeJEPA(ObjectiveSpec):
    """Balestriero and LeCun 2025, arXiv:2511.08544; defaults of rbalestr-lab/lejepa MINIMAL.md."""

    formula: ClassVar[str] = (
        r"\lambda\, E_u\, n \int |\hat\varphi_u(t) - e^{-t^2/2}|^2 e^{-t^2/2} dt"
        r" + (1-\lambda)\, \frac1D \|z_v - \bar z\|^2"
    )
    weight: float = 0.02
    """lambda: share of the test for a Gaussian; the rest is the variance over the views of an image."""
    directions: int = 256
    """Random unit vectors u of a step; the paper has 1,024."""
    knots: int = 17
    """Points of the trapezium rule in [0, limit]."""
    limit: float = 3.0
    """The integral goes from -limit to limit, by the trapezium rule."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise UserError(f"weight = {self.weight} must be in [0, 1]")
        if self.directions < 1 or self.knots < 2 or not self.limit > 0:
            raise UserError(
                f"directions = {self.directions} must be at least 1, knots = {self.knots} at least 2, "
                f"limit = {self.limit} above 0"
            )

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss with the counter of its draws."""
        return LeJEPALoss(self, sizes.seed)


class LeJEPALoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss; every view's batch is tested along the same directions.

    The directions are a function of (seed, calls so far); the count is part of the checkpoint.
    """

    calls: Tensor

    def __init__(self, settings: LeJEPA, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss.

        Raises:
            UserError: a single image.
        """
        rows = torch.stack(views_of(embeddings, context))  # (V, B, D)
        check_batch("SIGReg", rows.shape[1], 2)
        along = self.directions(rows)
        if self.training:
            self.calls += 1
        spread = (rows - rows.mean(0)).square().mean()
        gaussian = epps_pulley(rows @ along, self.settings.knots, self.settings.limit).mean()
        return self.settings.weight * gaussian + (1 - self.settings.weight) * spread

    def directions(self, rows: Tensor) -> Tensor:
        """The unit vectors of this call, `(D, directions)`, uniform on the sphere."""
        from episodes.random import key, uniform

        size = rows.shape[-1] * self.settings.directions
        items = self.calls.to(rows.device) * size + torch.arange(size, device=rows.device)
        radius, angle = (uniform(key(self.seed, f"SIGReg {what}"), items) for what in ("radius", "angle"))
        normal = (-2 * (1 - radius).log()).sqrt() * (2 * pi * angle).cos()  # Box and Muller 1958
        drawn = normal.to(rows.dtype).view(rows.shape[-1], -1)
        unit: Tensor = drawn / drawn.norm(dim=0)
        return unit


def epps_pulley(values: Tensor, knots: int = 17, limit: float = 3.0) -> Tensor:
    r"""Epps and Pulley's (1983) statistic of samples `(..., n, M)` against a standard normal, `(..., M)`.

    $n \int_{-l}^{l} |\hat\varphi(t) - e^{-t^2/2}|^2 e^{-t^2/2} dt$ by the trapezium rule on `knots` points of
    [0, l], doubled by symmetry.
    """
    t = torch.linspace(0, limit, knots, dtype=values.dtype, device=values.device)
    gaussian = (-t.square() / 2).exp()
    weights = torch.full_like(t, 2 * limit / (knots - 1))
    weights[0], weights[-1] = weights[0] / 2, weights[-1] / 2
    waves = values.unsqueeze(-1) * t
    error = (waves.cos().mean(-3) - gaussian).square() + waves.sin().mean(-3).square()
    return values.shape[-2] * (error @ (weights * gaussian))
