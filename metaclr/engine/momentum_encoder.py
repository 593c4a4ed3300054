"""A slow copy of a network: its weights are a running mean of the trained one's."""

from __future__ import annotations

from copy import deepcopy
from math import cos, pi

import torch
from torch import Tensor, nn


def target_momentum(base: float, step: int, steps: int, *, to_one: bool = True) -> float:
    """Momentum of `step`: 1 - (1 - base) (cos(pi step / steps) + 1) / 2, from base up to 1 (BYOL, Grill et al.

    2020, arXiv:2006.07733, section 3.2); with `to_one=False` base throughout (MoCo, He et al. 2020,
    arXiv:1911.05722).
    """
    return 1.0 - (1.0 - base) * (cos(pi * step / max(steps, 1)) + 1.0) / 2.0 if to_one else base


class MomentumEncoder(nn.Module):
    """The slow copy of a chain of networks. Its parameters get no gradient; its batch statistics are its own."""

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
