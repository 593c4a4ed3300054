"""What networks are computed in: bf16 where the device multiplies it fast, float64 to check with.

Losses are in float32 everywhere, or in float64 with the rest.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from metaclr.engine.settings import Precision
from metaclr.errors import UserError

NAMES = {torch.bfloat16: "bf16", torch.float32: "fp32", torch.float64: "fp64"}
"""What protocols call them."""


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 (autocast over float32 weights), float32, or float64 (weights, pixels, losses and optimizer too).

    `auto` takes bf16 on a GPU that has it, and on a CPU with AVX-512 bf16 or AMX: without them bf16 is
    emulated and several times slower than float32. float64 tells rounding from a mistake; it trains Conv-4 six times
    slower than float32 on a CPU.

    Raises:
        UserError: bf16 is asked for on a GPU that has none.
    """
    if precision in ("fp32", "fp64"):
        return torch.float32 if precision == "fp32" else torch.float64
    fast = bf16_is_fast(device)
    if precision == "bf16" and device.type == "cuda" and not fast:
        raise UserError("precision 'bf16': this GPU has no bfloat16; use 'fp32' or 'auto'")
    return torch.bfloat16 if fast or precision == "bf16" else torch.float32


def dtype_for(module: nn.Module, precision: Precision, device: torch.device) -> torch.dtype:
    """What a trained module is computed in: float64 where its weights are, else as `compute_dtype` says."""
    weights = next((v.dtype for v in chain(module.parameters(), module.buffers()) if v.is_floating_point()), None)
    return torch.float64 if weights == torch.float64 else compute_dtype(precision, device)


def weights_dtype(computed: torch.dtype) -> torch.dtype:
    """Of weights, pixels and whatever is not under autocast: float64 with a network in float64, else float32."""
    return torch.promote_types(computed, torch.float32)


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 products. The CPU's questions are private in torch: they may go."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(ask()) for ask in (getattr(torch.cpu, name, None) for name in names) if callable(ask))


def autocast(device: torch.device, computed: torch.dtype) -> torch.autocast:
    """The context in which the networks run: it does something for bf16 alone."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=computed == torch.bfloat16)
