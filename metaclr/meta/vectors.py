"""Tensors of any shapes and memory formats as one vector and back; torch's own refuses channels_last weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def to_vector(tensors: Iterable[Tensor]) -> Tensor:
    """(P,), the entries of all tensors behind each other."""
    return torch.cat([value.flatten() for value in tensors])


def from_vector(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The parts of a vector (P,) in the shapes of `like`."""
    parts = torch.split(vector, [value.numel() for value in like])
    return [part.reshape(value.shape) for part, value in zip(parts, like, strict=True)]
