"""Axis 6, the SNAIL head: convolutions and attention read the support as a sequence (Mishra et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.heads.label_codes import coded_logits
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError
from metaclr.heads.snail import SnailNetwork


@dataclass(frozen=True)
class Snail:
    """See `metaclr.heads.snail`. codes: the most ways of a task; in training each task gets others for its ways.

    filters: of a convolution. length: of the sequences that the dilations 1, 2, 4, ... span.
    """

    fits_classifier: ClassVar[bool] = True
    codes: int = 32
    filters: int = 32
    length: int = 32

    def __post_init__(self) -> None:
        for name, least in (("codes", 2), ("filters", 4), ("length", 2)):
            if getattr(self, name) < least:
                raise UserError(f"head.{name} = {getattr(self, name)} must be at least {least}")

    def module(self, sizes: Sizes) -> SnailHead:
        """The head with its weights."""
        return SnailHead(self, sizes)


class SnailHead(SnailNetwork):
    """The network as a head of the objective; draws codes as a function of (seed, calls so far)."""

    fits_classifier: ClassVar[bool] = True
    calls: Tensor

    def __init__(self, settings: Snail, sizes: Sizes) -> None:
        super().__init__(sizes.dim, codes=settings.codes, filters=settings.filters, length=settings.length)
        self.seed = sizes.seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return coded_logits(self, "a SNAIL head", assignment, labels, scale)

    def episode_head(self, temperature: float = 1.0) -> SnailNetwork:
        """The classifier of an episode, in training and at test time: itself."""
        return self
