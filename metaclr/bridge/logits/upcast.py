"""No similarity, statistic or loss in half precision."""

from __future__ import annotations

import torch
from torch import Tensor


def upcast(values: Tensor) -> Tensor:
    """In float32 what comes in half precision; float32 and float64 as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
