"""The torch device for a name given by the user."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the GPU if the machine has one, else the CPU.

    Raises:
        UserError: an unknown name, or a device that this machine does not have.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in {"cpu", "cuda"}:
        raise UserError(f"device {name!r}: unknown; use one of: auto, {', '.join(devices)}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: not on this machine, which has: {', '.join(devices)}")
    return device


def device_of(module: nn.Module) -> torch.device:
    """Device of a module's first parameter or buffer; the CPU for a module without any."""
    import torch

    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device
