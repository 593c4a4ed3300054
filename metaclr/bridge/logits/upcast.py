"""Upcast half precision to float32 before similarities, statistics and losses."""

from __future__ import annotations

import torch
from torch import Tensor


def upcast(values: Tensor) -> Tensor:
    """Half-precision values in float32; float32 and float64 unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
