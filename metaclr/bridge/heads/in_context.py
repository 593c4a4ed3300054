"""Axis 6, the in-context head: a transformer that reads the support.

CAML (Fifty et al. 2024, arXiv:2310.10971) and CAMeLU (Vettoruzzo et al. 2025, ICLR).
"""

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
from metaclr.heads.in_context import InContextTransformer, Labels


@dataclass(frozen=True)
class InContext:
    """A transformer on (embedding, label) tokens. codes: label vectors, and so the most ways of a task.

    labels: "learned" label vectors (CAMeLU), or the fixed corners of a "simplex" (CAML).

    In training each task gets other label vectors for its ways, so that all are trained, however few ways a task has.
    """

    fits_classifier: ClassVar[bool] = True
    codes: int = 32
    width: int = 128
    """Width of a token, half of which is the label vector."""
    heads: int = 4
    """Attention heads of a block."""
    layers: int = 2
    """Transformer blocks."""
    mlp: int = 256
    """Hidden width of a block's perceptron."""
    labels: Labels = "learned"

    def __post_init__(self) -> None:
        for name in ("codes", "width", "heads", "layers", "mlp"):
            if getattr(self, name) < 1:
                raise UserError(f"head.{name} = {getattr(self, name)} must be at least 1")

    def module(self, sizes: Sizes) -> InContextHead:
        """The head with its weights."""
        return InContextHead(self, sizes)


class InContextHead(InContextTransformer):
    """The transformer as a head of the objective; draws label vectors as a function of (seed, calls so far)."""

    fits_classifier: ClassVar[bool] = True
    calls: Tensor

    def __init__(self, settings: InContext, sizes: Sizes) -> None:
        super().__init__(
            sizes.dim,
            codes=settings.codes,
            width=settings.width,
            heads=settings.heads,
            layers=settings.layers,
            mlp=settings.mlp,
            labels=settings.labels,
        )
        self.seed = sizes.seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        return coded_logits(self, "an in-context head", assignment, labels, scale)

    def episode_head(self, temperature: float = 1.0) -> InContextTransformer:
        """The classifier of an episode, in training and at test time: itself."""
        return self
