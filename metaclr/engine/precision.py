"""The dtype that networks are computed in: bf16 where the device multiplies it fast, float64 for checks.

Losses are always in float32, or in float64 with everything else.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from metaclr.engine.settings import Precision
from metaclr.errors import UserError

NAMES = {torch.bfloat16: "bf16", torch.float32: "fp32", torch.float64: "fp64"}
"""Names in protocol strings."""


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 (autocast over float32 weights), float32, or float64 (weights, pixels, losses and optimizer too).

    `auto` is bf16 on a GPU with bf16, and on a CPU with AVX-512 bf16 or AMX: without them bf16 is emulated and several
    times slower than float32. float64 separates rounding from mistakes; it trains Conv-4 six times slower than float32
    on a CPU.

    Raises:
        UserError: precision "bf16" on a GPU without bf16.
    """
    if precision in ("fp32", "fp64"):
        return torch.float32 if precision == "fp32" else torch.float64
    fast = bf16_is_fast(device)
    if precision == "bf16" and device.type == "cuda" and not fast:
        raise UserError("precision 'bf16': this GPU has no bfloat16; use 'fp32' or 'auto'")
    return torch.bfloat16 if fast or precision == "bf16" else torch.float32


def dtype_for(module: nn.Module, precision: Precision, device: torch.device) -> torch.dtype:
    """The dtype for evaluating a trained module: float64 if its weights are, else that of `compute_dtype`."""
    weights = next((v.dtype for v in chain(module.parameters(), module.buffers()) if v.is_floating_point()), None)
    return torch.float64 if weights == torch.float64 else compute_dtype(precision, device)


def weights_dtype(computed: torch.dtype) -> torch.dtype:
    """Dtype of weights, pixels and everything outside autocast: float64 for a network in float64, else float32."""
    return torch.promote_types(computed, torch.float32)


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware. The tests for a CPU are private in torch and may be absent."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(is_supported()) for is_supported in tests if callable(is_supported))


def autocast(device: torch.device, computed: torch.dtype) -> torch.autocast:
    """The autocast context for the networks; enabled for bf16 only."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=computed == torch.bfloat16)
