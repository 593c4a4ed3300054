"""Checks of a user's encoders before any work: one line for each way in which a module does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from metaclr.console import notify
from metaclr.device import device_of
from metaclr.errors import UserError
from metaclr.networks.eval_mode import evaluation_mode

_HALF = (torch.float16, torch.bfloat16)


def named_encoders(encoders: Any) -> dict[str, nn.Module]:
    """The encoders by name; a single module is called "encoder".

    Raises:
        UserError: neither a module nor a mapping from names to modules, or an empty mapping.
    """
    by_name = dict(encoders) if isinstance(encoders, Mapping) else {"encoder": encoders}
    if not by_name:
        raise UserError("encoders: empty; pass a torch.nn.Module, or a dict of several by name")
    for name, encoder in by_name.items():
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise UserError(f"encoders: the name {name!r} must be a str that is not empty")
        if not isinstance(encoder, nn.Module):
            fix = f"an instance, {encoder.__name__}(...)" if isinstance(encoder, type) else "a torch.nn.Module"
            raise UserError(f"encoder {name!r} is {_kind(encoder)}; pass {fix}, or a dict of several by name")
    return by_name


def checked_encoder(encoder: nn.Module, name: str, *, channels: int, size: int) -> nn.Module:
    """The encoder after a trial on two images; one with half precision weights as a copy in float32.

    The encoder's training modes and running statistics are unchanged.

    Raises:
        UserError: it raises, or returns anything but a floating tensor (2, F) or (2, C, H, W); the line has the fix.
    """
    what = f"encoder {name!r}"
    if any(p.dtype in _HALF for p in (*encoder.parameters(), *encoder.buffers())):
        notify(f"metaclr: {what} has weights in half precision; it is evaluated in float32")
        encoder = deepcopy(encoder).float()
    weights = next((p for p in encoder.parameters() if p.is_floating_point()), torch.empty(0))
    images = torch.zeros(2, channels, size, size, dtype=weights.dtype, device=device_of(encoder))
    shape = f"images (B, {channels}, {size}, {size})"
    try:
        with torch.no_grad(), evaluation_mode(encoder):
            out = encoder(images)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())[:200]
        raise UserError(
            f"{what} raises {type(error).__name__} on {shape}: {line}; it must map them to features (B, F)"
        ) from error
    _check_output(out, what, shape)
    return encoder


def _check_output(out: Any, what: str, shape: str) -> None:
    if not isinstance(out, Tensor):
        fix = {
            "tuple": "return one of its items, such as out[0]",
            "list": "return one of its items, such as out[0]",
            "dict": "return one of its entries",
        }.get(type(out).__name__, "return a tensor")
        raise UserError(f"{what} returns {_kind(out)} for {shape}, not features (B, F); {fix}")
    if not out.is_floating_point():
        raise UserError(f"{what} returns {str(out.dtype).removeprefix('torch.')} for {shape}; return floating features")
    if out.ndim < 2 or len(out) != 2:
        raise UserError(f"{what} returns {tuple(out.shape)} for 2 {shape}, not (2, F); keep the batch axis first")
    if out.ndim == 3:
        raise UserError(
            f"{what} returns tokens (B, {out.shape[1]}, {out.shape[2]}) for {shape}; "
            "pool them to features (B, F), such as out.mean(1)"
        )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
