"""bf16 where the device multiplies it fast; losses stay in float32 everywhere."""

from __future__ import annotations

import torch

from metaclr.engine.settings import Precision
from metaclr.errors import UserError


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """torch.bfloat16 to run the networks under autocast, or None for float32.

    `auto` takes bf16 on a GPU that has it, and on a CPU with AVX-512 bf16 or AMX: without them bf16 is
    emulated and several times slower than float32.

    Raises:
        UserError: bf16 is asked for on a GPU that has none.
    """
    if precision == "fp32":
        return None
    fast = bf16_is_fast(device)
    if precision == "bf16" and device.type == "cuda" and not fast:
        raise UserError("precision 'bf16': this GPU has no bfloat16; use 'fp32' or 'auto'")
    return torch.bfloat16 if fast or precision == "bf16" else None


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 products. The CPU's questions are private in torch: they may go."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(ask()) for ask in (getattr(torch.cpu, name, None) for name in names) if callable(ask))


def autocast(device: torch.device, dtype: torch.dtype | None) -> torch.autocast:
    """The context in which the networks run."""
    return torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)
