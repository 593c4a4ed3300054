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
    first_share: float | None = None
    """The same as a share of D, rounded, at least 1; `first`, where it is given, replaces it."""

    def __post_init__(self) -> None:
        if self.first is not None and self.first < 1:
            raise UserError(f"embedding.first = {self.first} must be at least 1, or None for all dimensions")
        if self.first_share is not None and not 0 < self.first_share < 1:
            raise UserError(f"embedding.first_share = {self.first_share} must be in (0, 1), or None for all dimensions")

    def __str__(self) -> str:
        name = "unit_norm" if self.unit else "raw"
        if self.first is not None:
            return f"{name} of the first {self.first}"
        return name if self.first_share is None else f"{name} of the first {self.first_share:.1%}"

    def dims(self, dim: int) -> int:
        """Length of an embedding made from D = `dim` numbers.

        Raises:
            UserError: `first` is not below D, so no dimension would be left to the features alone.
        """
        if self.first is not None:
            if self.first >= dim:
                raise UserError(f"embedding.first = {self.first} must be below the {dim} dimensions of an embedding")
            return self.first
        return dim if self.first_share is None else min(max(1, round(self.first_share * dim)), max(1, dim - 1))

    def __call__(self, embeddings: Tensor) -> Tensor:
        if self.first is not None or self.first_share is not None:
            embeddings = embeddings[..., : self.dims(embeddings.shape[-1])]
        return F.normalize(embeddings, dim=-1) if self.unit else embeddings


raw = Embedding()
unit_norm = Embedding(unit=True)


def first_dims(count: int | float) -> Embedding:
    """Unit norm of the first `count` dimensions, an int, or of this share of them, a float: DirectCLR."""
    return Embedding(unit=True, first=count) if isinstance(count, int) else Embedding(unit=True, first_share=count)
