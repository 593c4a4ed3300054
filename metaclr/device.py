"""Which device the work runs on, from the name a user gives."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn


def choose_device(name: str = "auto") -> torch.device:
    """`auto` is the GPU where there is one.

    Raises:
        UserError: an unknown device, or one that this machine does not have.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    have = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda"}:
        raise UserError(f"device {name!r}: unknown; there are: auto, {', '.join(have)}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: not on this machine, which has: {', '.join(have)}")
    return device


def device_of(module: nn.Module) -> torch.device:
    """Device of a module's first parameter or buffer; the CPU for a module without any."""
    import torch

    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device
