"""Evaluation mode for a block of code; mode and running statistics are restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def evaluation_mode(encoder: nn.Module, *, transductive_bn: bool = False) -> Iterator[None]:
    """`encoder.eval()` inside the block; afterwards each module has its former mode and running statistics.

    transductive_bn: BatchNorm uses mean and variance of each batch (of the target, queries included; one report has
        Omniglot at 99.6 instead of 90 that way), so it is never a default and always recorded.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    norms = [m for m in encoder.modules() if isinstance(m, _BatchNorm)] if transductive_bn else []
    before = [(norm, {name: b.detach().clone() for name, b in norm.named_buffers(recurse=False)}) for norm in norms]
    encoder.eval()
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for norm, buffers in before:
            for name, buffer in buffers.items():
                getattr(norm, name).data.copy_(buffer)
