"""Axis 5, the embedding: raw or unit norm, whole or only its first dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError


@dataclass(frozen=True)
class Embedding:
    """`(..., D)` to `(..., d)`."""

    unit: bool = False
    """Divide by the Euclidean norm; a zero vector stays zero."""
    first: int | None = None
    """Keep only the first d0 dimensions, before the norm (DirectCLR, Jing et al. 2022, arXiv:2110.09348)."""

    def __post_init__(self) -> None:
        if self.first is not None and self.first < 1:
            raise UserError(f"embedding.first = {self.first} must be at least 1, or None for all dimensions")

    def __str__(self) -> str:
        name = "unit_norm" if self.unit else "raw"
        return name if self.first is None else f"{name} of the first {self.first}"

    def __call__(self, embeddings: Tensor) -> Tensor:
        if self.first is not None:
            if self.first > embeddings.shape[-1]:
                raise UserError(f"embedding.first = {self.first} is more than the {embeddings.shape[-1]} there are")
            embeddings = embeddings[..., : self.first]
        return F.normalize(embeddings, dim=-1) if self.unit else embeddings


raw = Embedding()
unit_norm = Embedding(unit=True)


def first_dims(count: int) -> Embedding:
    """Unit norm of the first `count` dimensions, without a projector in front: DirectCLR."""
    return Embedding(unit=True, first=count)
