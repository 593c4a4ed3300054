"""Seeds for the random generators of the training device."""

from __future__ import annotations

import torch


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the CPU's generator and that of `device`, from which dropout draws.

    `torch.manual_seed` visits every kind of device, which takes longer than drawing a batch.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
