"""Batch norm with the statistics of the support: queries are normalized without knowledge of each other."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SupportNorm(nn.Module):
    """Normalizes a batch by mean and variance of its first `n_support` rows; weight and bias are the batch norm's.

    In an inner loop the batch is the support alone, as in training; for predictions the queries follow it.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight: Tensor | None = norm.weight
        self.bias: Tensor | None = norm.bias
        self.eps = norm.eps
        self.n_support = 0

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        axes = [0, *range(2, maps.ndim)]
        support = maps[: self.n_support]
        mean = support.mean(axes, keepdim=True)
        scale = (support.var(axes, correction=0, keepdim=True) + self.eps).rsqrt()
        if self.weight is None or self.bias is None:
            return (maps - mean) * scale
        shape = mean.shape
        scale = scale * self.weight.view(shape)
        return maps * scale + (self.bias.view(shape) - mean * scale)


def with_support_norm(encoder: nn.Module) -> tuple[nn.Module, list[SupportNorm]]:
    """A copy of the encoder in training mode, every batch norm replaced; and the new modules."""
    copy = deepcopy(encoder).train()
    norms: list[SupportNorm] = []
    for parent in list(copy.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                norms.append(SupportNorm(child))
                setattr(parent, name, norms[-1])
    return copy, norms
