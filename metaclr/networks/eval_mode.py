"""An encoder in evaluation mode for a while, and exactly as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def evaluation_mode(encoder: nn.Module, *, transductive_bn: bool = False) -> Iterator[None]:
    """eval() everywhere; every module's own mode, and the running statistics, come back at the end.

    transductive_bn: BatchNorm takes mean and variance from the batch it sees (of the target, queries included;
        one report has Omniglot at 99.6 instead of 90 that way), so it is never a default and always recorded.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    norms = [m for m in encoder.modules() if isinstance(m, _BatchNorm)] if transductive_bn else []
    kept = [(norm, {name: b.detach().clone() for name, b in norm.named_buffers(recurse=False)}) for norm in norms]
    encoder.eval()
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                getattr(norm, name).data.copy_(buffer)
