"""The momentum encoder: a copy of a network whose weights are a moving average of the trained ones."""

from __future__ import annotations

from copy import deepcopy
from math import cos, pi

import torch
from torch import Tensor, nn


def momentum_at(base: float, step: int, steps: int, schedule: str = "constant") -> float:
    """Decay at `step` of `steps`.

    constant: `base` (MoCo, He et al. 2020, arXiv:1911.05722). cosine: 1 - (1 - base) (cos(pi step / steps) + 1) / 2,
    from `base` to 1 (BYOL, Grill et al. 2020, arXiv:2006.07733, section 3.2).
    """
    return base if schedule == "constant" else 1.0 - (1.0 - base) * (cos(pi * step / max(steps, 1)) + 1.0) / 2.0


class MomentumEncoder(nn.Module):
    """A copy of a chain of networks. Its parameters get no gradient; it keeps its own batch statistics."""

    def __init__(self, *chain: nn.Module) -> None:
        super().__init__()
        self.chain = nn.ModuleList(deepcopy(module) for module in chain)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, rows: Tensor) -> Tensor:
        """Embed rows (B, C, H, W) to (B, D), in the mode (train or eval) that this module is in."""
        for module in self.chain:
            rows = module(rows)
        return rows

    @torch.no_grad()
    def follow(self, chain: tuple[nn.Module, ...], momentum: float) -> None:
        """w <- momentum w + (1 - momentum) online, for every parameter."""
        mine: list[Tensor] = list(self.parameters())
        theirs: list[Tensor] = [p for module in chain for p in module.parameters()]
        if mine:
            torch._foreach_lerp_(mine, theirs, 1.0 - momentum)
