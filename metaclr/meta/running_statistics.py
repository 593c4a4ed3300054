"""Running batch-norm statistics of an encoder whose training steps are on copies of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

ENOUGH = 64
"""Images whose statistics stand for those of a batch; on Omniglot a pass over all 240 took a fifth of MAML's step."""


@torch.no_grad()
def refresh_statistics(encoder: nn.Module, pixels: Tensor) -> bool:
    """Update the running statistics by a pass over the first tasks of (T, N, V, C, H, W), 64 images or more if there
    are.

    Returns:
        Whether the encoder draws random numbers of the CPU (dropout), which threads would draw in any order.
    """
    has_norms = any(isinstance(module, _BatchNorm) for module in encoder.modules())
    tasks = -(-ENOUGH // (pixels.shape[1] * pixels.shape[2]))
    rows = pixels[:tasks].flatten(0, 2) if has_norms and encoder.training else pixels[0, :1, 0]
    on_cpu = pixels.device.type == "cpu"
    before = _generator_state() if on_cpu else b""
    if encoder.training:
        encoder(rows)
    return on_cpu and before != _generator_state()


def _generator_state() -> bytes:
    """The state of the CPU's generator, compared without tensor operations, which a recorded step may not have."""
    return torch.get_rng_state().numpy().tobytes()
